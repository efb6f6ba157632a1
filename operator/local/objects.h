// What an API server does around a write: admission, identity, generations, conflicts, finalizers, ownership.
//
// Both the HTTP API and the controllers write through this, so both obey the same rules.
//
// Threads: one reactor.
// ERRORS: kNotFound, kAlreadyExists, kConflict, kInvalidArgument (422, naming kind, object and field),
// kCorrupt (400).
#pragma once

#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "operator/local/kinds.h"
#include "operator/local/store.h"

namespace penstock::local {

struct WriteOptions {
  std::string manager = "penstock-local";
  std::string subresource{};  // Empty or "status".
  bool is_dry_run = false;
  bool is_forced = false;     // For apply.
  bool is_strict = false;     // Unknown fields are refused rather than dropped.
  bool tracks_fields = true;  // Controllers do not compete for fields, so they need no record of them.
};

struct DeletionOptions {
  std::string uid{};               // When set, only the object with this uid is deleted.
  std::string resource_version{};  // The same.
  std::int64_t grace_seconds = -1;
  bool is_orphaning = false;  // Dependents lose their owner and stay.
  bool is_dry_run = false;
};

// The namespace that everything is in unless it says otherwise.
inline constexpr const char* kDefaultNamespace = "default";

class Objects {
 public:
  Objects(Store& store, Kinds& kinds, const base::Clock& clock, base::Random& random)
      : store_(store), kinds_(kinds), clock_(clock), random_(random) {}

  base::Result<ObjectPtr> get(const Kind& kind, const std::string& ns, const std::string& name) const;
  base::Result<ObjectPtr> create(const Kind& kind, const std::string& ns, Json object,
                                 const WriteOptions& options);
  // Replaces the object, or its status. A resourceVersion in `object` must be the stored one's.
  base::Result<ObjectPtr> update(const Kind& kind, const std::string& ns, const std::string& name,
                                 Json object, const WriteOptions& options);
  // Server-side apply.
  base::Result<ObjectPtr> apply(const Kind& kind, const std::string& ns, const std::string& name, Json wanted,
                                const WriteOptions& options);
  // The object as it was last, whether it is gone now or waits for finalizers or for its process to end.
  base::Result<ObjectPtr> remove(const Kind& kind, const std::string& ns, const std::string& name,
                                 const DeletionOptions& options);

  // For controllers: a pod whose processes are gone leaves the store.
  void forget(const ObjectKey& key) { store_.remove(key); }

  Store& store() { return store_; }
  const Kinds& kinds() const { return kinds_; }
  std::string now() const { return rfc3339(clock_.wall_ms()); }
  std::int64_t wall_ms() const { return clock_.wall_ms(); }

 private:
  base::Result<> admit(const Kind& kind, Json& object, const Json* old, bool is_strict) const;
  base::Result<ObjectPtr> store_new(const Kind& kind, const ObjectKey& key, Json object,
                                    const WriteOptions& options);
  base::Result<ObjectPtr> store_changed(const Kind& kind, const ObjectKey& key, const ObjectPtr& old,
                                        Json object, const WriteOptions& options);
  void add_identity(const Kind& kind, const ObjectKey& key, Json& object);
  void orphan_dependents(const std::string& uid);
  std::string make_uid();

  Store& store_;
  Kinds& kinds_;
  const base::Clock& clock_;
  base::Random& random_;
};

// Whether an object with this name may be made, as DNS subdomain (RFC 1123).
bool is_valid_name(std::string_view name);

}  // namespace penstock::local
