// Which manager owns which fields: server-side apply as Kubernetes defines it.
//
// A field path is written as FieldsV1 does: "f:spec", "f:ports", "k:{\"port\":9092,\"protocol\":\"TCP\"}".
// Sets hold leaves and list items, not the structs above them.
//
// Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/
// Threads: pure functions.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "operator/local/object.h"

namespace penstock::local {

using FieldPath = std::vector<std::string>;
using FieldSet = std::set<FieldPath>;

// How the items of a list are told apart.
struct ListType {
  enum class Kind { kAtomic, kSet, kMap } kind = Kind::kAtomic;
  std::vector<std::string> keys{};  // For kMap.
};

// The list type of the field whose path of names is `names` ({"spec", "template", "spec", "containers"}),
// from `schema` (an openAPIV3Schema) or, when it is null, from the table of built-in lists.
ListType list_type(const Json* schema, const std::vector<std::string>& names);

// "k:{...}" of an item, or empty when the item lacks a key that has no default.
std::string item_key(const ListType& type, const Json& item);

// The fields that `object` sets. apiVersion, kind and the identity in metadata belong to nobody.
FieldSet fields_of(const Json& object, const Json* schema);

Json to_fields_v1(const FieldSet& fields);
FieldSet from_fields_v1(const Json& fields);

// `live` with every field of `wanted` set; lists of kind kMap and kSet are merged by item.
Json merge_apply(const Json& live, const Json& wanted, const Json* schema);

// The value at a path, or null when it is not there.
const Json* find_field(const Json& object, const FieldPath& path);
// Removes the value at a path, and the structs above it that become empty by that.
void remove_field(Json& object, const FieldPath& path);

struct ApplyRequest {
  std::string manager;
  bool is_forced = false;
  std::string now;  // RFC 3339.
};

// The object after `wanted` is applied over `live` (null JSON when there is none), managedFields included.
// Equal to `live` when nothing changes. ERRORS: kConflict naming the other manager and the field.
base::Result<Json> apply(const Json& live, const Json& wanted, const Json* schema,
                         const ApplyRequest& request);

// After an ordinary write by `manager`: what it changed is its own now, and no longer others'.
void track_update(const Json& before, Json& after, const Json* schema, std::string_view manager,
                  std::string_view subresource, std::string_view now);

}  // namespace penstock::local
