// An API server in memory for reconciler tests: stores objects, versions and generations, honours finalizers
// and preconditions, and can fail after the k-th write.
//
// Threads: one; every call completes at once.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "operator/kube/client.h"

namespace penstock::testing {

class FakeKube final : public kube::KubeClient {
 public:
  using Json = nlohmann::json;

  // After this many more writes every call fails, as for a killed operator. `is_done`: the write that meets
  // the limit is carried out, only its answer is lost.
  void fail_after_writes(int writes, bool is_done) {
    writes_left_ = writes;
    is_last_done_ = is_done;
  }
  void kill() { writes_left_ = 0; }
  bool is_dead() const { return writes_left_ == 0; }
  void heal() { writes_left_ = -1; }

  // What the server's clock says when it marks an object as deleted.
  std::string now = "2026-01-02T00:00:00Z";
  // Every object by "PLURAL/NAMESPACE/NAME".
  using Objects = std::map<std::string, Json>;
  // As it was after each change, oldest first, if that is kept: what a view that lags behind may show.
  bool keeps_history = false;
  const std::vector<Objects>& history() const { return history_; }

  int writes() const { return writes_; }
  const std::vector<std::string>& log() const { return log_; }

  // Null JSON when there is none.
  Json find(kube::Kind kind, const std::string& ns, const std::string& name) const {
    auto found = objects_.find(key(kind, ns, name));
    return found == objects_.end() ? Json() : found->second;
  }
  std::vector<Json> all(kube::Kind kind) const {
    std::vector<Json> found;
    const std::string prefix = std::string(kind.plural) + "/";
    for (const auto& [name, object] : objects_) {
      if (name.starts_with(prefix)) found.push_back(object);
    }
    return found;
  }
  std::size_t size() const { return objects_.size(); }
  // A write by somebody else: spec changes count as a generation.
  void put(kube::Kind kind, Json object) { store(kind, std::move(object)); }
  // A deletion by somebody else.
  void erase(kube::Kind kind, const std::string& ns, const std::string& name) {
    mark_deleted(kind, ns, name);
  }

  aio::Task<base::Result<Json>> get(kube::Kind kind, std::string ns, std::string name) override {
    CO_TRY(check_alive());
    Json found = find(kind, ns, name);
    if (found.is_null()) co_return base::fail(base::Errc::kNotFound, name + " not found");
    co_return found;
  }
  aio::Task<base::Result<Json>> list(kube::Kind kind, kube::Selection selection) override {
    CO_TRY(check_alive());
    Json items = Json::array();
    for (Json& object : all(kind)) items.push_back(std::move(object));
    co_return Json{{"metadata", {{"resourceVersion", std::to_string(version_)}}},
                   {"items", std::move(items)}};
  }
  aio::Task<base::Result<>> watch(kube::Kind, kube::Selection, std::string, kube::WatchCallback,
                                  aio::CancelToken) override {
    co_return base::fail(base::Errc::kUnsupported, "the fake has no watches");
  }
  aio::Task<base::Result<Json>> create(kube::Kind kind, Json object) override {
    const std::string name = key_of(kind, object);
    if (objects_.contains(name)) co_return base::fail(base::Errc::kAlreadyExists, name + " exists");
    CO_TRY(begin_write("create " + name));
    Json stored = store(kind, std::move(object));
    CO_TRY(end_write());
    co_return stored;
  }
  aio::Task<base::Result<Json>> apply(kube::Kind kind, Json object, kube::ApplyOptions) override {
    CO_TRY(begin_write("apply " + key_of(kind, object)));
    Json merged = find(kind, object["metadata"]["namespace"], object["metadata"]["name"]);
    if (merged.is_null()) merged = Json::object();
    merged.merge_patch(object);
    Json stored = store(kind, std::move(merged));
    CO_TRY(end_write());
    co_return stored;
  }
  aio::Task<base::Result<Json>> merge_patch(kube::Kind kind, std::string ns, std::string name, Json patch,
                                            std::string subresource) override {
    CO_TRY(check_alive());
    Json object = find(kind, ns, name);
    if (object.is_null()) co_return base::fail(base::Errc::kNotFound, name + " not found");
    if (patch.contains("metadata") && patch["metadata"].contains("resourceVersion") &&
        patch["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"]) {
      co_return base::fail(base::Errc::kConflict, name + " was changed by somebody else");
    }
    CO_TRY(begin_write("patch " + key(kind, ns, name) + (subresource.empty() ? "" : "/" + subresource)));
    object.merge_patch(patch);
    Json stored = store(kind, std::move(object));
    CO_TRY(end_write());
    co_return stored;
  }
  aio::Task<base::Result<>> remove(kube::Kind kind, std::string ns, std::string name,
                                   kube::DeleteOptions options) override {
    CO_TRY(check_alive());
    const Json object = find(kind, ns, name);
    if (object.is_null()) co_return base::Result<>();
    if (!options.uid.empty() && object["metadata"]["uid"] != options.uid) {
      co_return base::fail(base::Errc::kConflict, name + " has another uid");
    }
    CO_TRY(begin_write("delete " + key(kind, ns, name)));
    mark_deleted(kind, ns, name);
    co_return end_write();
  }

 private:
  static std::string key(kube::Kind kind, const std::string& ns, const std::string& name) {
    return std::string(kind.plural) + "/" + ns + "/" + name;
  }
  static std::string key_of(kube::Kind kind, const Json& object) {
    return key(kind, object["metadata"]["namespace"], object["metadata"]["name"]);
  }

  base::Result<> check_alive() const {
    if (writes_left_ == 0) return base::fail(base::Errc::kUnavailable, "killed");
    return {};
  }
  base::Result<> begin_write(std::string what) {
    TRY(check_alive());
    if (writes_left_ == 1 && !is_last_done_) {
      writes_left_ = 0;
      return base::fail(base::Errc::kUnavailable, "killed before the write");
    }
    log_.push_back(std::move(what));
    ++writes_;
    return {};
  }
  base::Result<> end_write() {
    if (writes_left_ > 0 && --writes_left_ == 0) {
      return base::fail(base::Errc::kUnavailable, "killed before the answer");
    }
    return {};
  }

  Json store(kube::Kind kind, Json object) {
    const std::string name = key_of(kind, object);
    const auto found = objects_.find(name);
    Json& meta = object["metadata"];
    object["apiVersion"] = kind.api_version();
    object["kind"] = kind.kind;
    if (found == objects_.end()) {
      meta["uid"] = "uid-" + std::to_string(++version_);
      meta["generation"] = 1;
      meta["creationTimestamp"] = "2026-01-01T00:00:" + std::to_string(10 + version_ % 50) + "Z";
    } else {
      Json same = object;
      same["metadata"]["resourceVersion"] = found->second["metadata"]["resourceVersion"];
      if (same == found->second) return found->second;
      meta["uid"] = found->second["metadata"]["uid"];
      const bool is_new_spec = object.value("spec", Json()) != found->second.value("spec", Json());
      meta["generation"] = found->second["metadata"]["generation"].get<int>() + (is_new_spec ? 1 : 0);
    }
    meta["resourceVersion"] = std::to_string(++version_);
    const bool is_released =
        meta.contains("deletionTimestamp") && meta.value("finalizers", Json::array()).empty();
    if (is_released) {
      objects_.erase(name);
    } else {
      objects_[name] = object;
    }
    if (keeps_history) history_.push_back(objects_);
    return object;
  }

  void mark_deleted(kube::Kind kind, const std::string& ns, const std::string& name) {
    auto found = objects_.find(key(kind, ns, name));
    if (found == objects_.end()) return;
    Json& meta = found->second["metadata"];
    if (meta.value("finalizers", Json::array()).empty()) {
      objects_.erase(found);
    } else if (!meta.contains("deletionTimestamp")) {
      meta["deletionTimestamp"] = now;
      meta["generation"] = meta["generation"].get<int>() + 1;
      meta["resourceVersion"] = std::to_string(++version_);
    }
    if (keeps_history) history_.push_back(objects_);
  }

  Objects objects_;
  std::vector<Objects> history_;
  int version_ = 0;
  int writes_ = 0;
  int writes_left_ = -1;  // -1: no limit; 0: killed.
  bool is_last_done_ = false;
  std::vector<std::string> log_;
};

}  // namespace penstock::testing
