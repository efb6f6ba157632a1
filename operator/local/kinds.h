// The kinds that the local API server serves: a table of built-in ones, and one for each
// CustomResourceDefinition in the store.
//
// Threads: one reactor. Pointers hold until the next refresh().
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "operator/local/object.h"

namespace penstock::local {

struct PrinterColumn {
  std::string name;
  std::string type;  // string, integer, date, boolean.
  std::string json_path;
  int priority = 0;  // Above 0: only with -o wide.
};

struct Kind {
  std::string group;  // Empty for the core group.
  std::string version;
  std::string kind;
  std::string plural;
  std::string singular;
  std::vector<std::string> short_names;
  std::vector<std::string> categories;
  bool is_namespaced = true;
  bool has_status = false;
  bool has_scale = false;
  std::vector<PrinterColumn> columns;
  std::shared_ptr<const Json> schema;  // openAPIV3Schema of a custom resource; null for built-in kinds.

  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  // The name under which its objects are stored: "statefulsets.apps".
  std::string resource() const { return group.empty() ? plural : plural + "." + group; }
  std::string list_kind() const { return kind + "List"; }
};

class Kinds {
 public:
  Kinds();

  // Takes the custom kinds from these CustomResourceDefinitions.
  void refresh(const std::vector<ObjectPtr>& definitions);

  const Kind* find(std::string_view group, std::string_view version, std::string_view plural) const;
  const Kind* find_kind(std::string_view api_version, std::string_view kind) const;
  const Kind* find_resource(std::string_view resource) const;
  const std::vector<Kind>& all() const { return all_; }

 private:
  std::size_t built_in_count_;
  std::vector<Kind> all_;
};

// A Kind from a CustomResourceDefinition, one for each served version.
std::vector<Kind> kinds_of(const Json& definition);

}  // namespace penstock::local
