// The Kubernetes API as Penstock uses it: objects are JSON values, every call is a Task on one reactor.
//
// The real one is HttpKubeClient (http_client.h); tests use FakeKube (tests/support/fake_kube.h).
//
// Threads: one reactor.
// ERRORS of every call, each with the server's own message: kNotFound (404), kAlreadyExists and kConflict
// (409), kOutOfRange (410: start again with a list), kInvalidArgument (400, 422), kPermissionDenied (401,
// 403), kUnavailable (429, 5xx, a cut connection; already retried), kTimedOut, kCorrupt (not JSON),
// kCancelled.
#pragma once

#include <functional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/aio/cancel.h"
#include "base/aio/task.h"
#include "base/error.h"
#include "operator/kube/kind.h"

namespace penstock::kube {

using Json = nlohmann::json;

// The name that owns our fields under server-side apply.
inline constexpr const char* kFieldManager = "penstock-operator";

struct Selection {
  std::string ns;              // Empty: all namespaces.
  std::string label_selector;  // "a=b,c=d"; empty: all.
};

enum class WatchEventType { kAdded, kModified, kDeleted, kBookmark };

// Called for each event, in order; the object is the caller's only during the call.
using WatchCallback = std::function<void(WatchEventType, const Json& object)>;

struct ApplyOptions {
  std::string field_manager = kFieldManager;
  bool force = true;
};

struct DeleteOptions {
  std::string uid;  // When set, the object is deleted only if it still has this uid; else kConflict.
  std::string propagation = "Background";
};

class KubeClient {
 public:
  virtual ~KubeClient() = default;

  virtual aio::Task<base::Result<Json>> get(Kind kind, std::string ns, std::string name) = 0;

  // All pages of a list, as one {"metadata": {"resourceVersion": ...}, "items": [...]}. Items have apiVersion
  // and kind, as every object.
  virtual aio::Task<base::Result<Json>> list(Kind kind, Selection selection) = 0;

  // Reports changes after `resource_version` until the server ends the stream, it falls silent, or `cancel`.
  // Success means the stream ended as streams do: watch again from the last version seen.
  // ERRORS: kOutOfRange when the version is too old: list again.
  virtual aio::Task<base::Result<>> watch(Kind kind, Selection selection, std::string resource_version,
                                          WatchCallback callback, aio::CancelToken cancel) = 0;

  // Each write returns the object as stored. Kind, namespace and name are taken from the object.
  virtual aio::Task<base::Result<Json>> create(Kind kind, Json object) = 0;
  // Server-side apply: creates it, or makes the fields that it has ours.
  virtual aio::Task<base::Result<Json>> apply(Kind kind, Json object, ApplyOptions options) = 0;
  // JSON merge patch (RFC 7386). `subresource`: empty, "status" or "scale".
  virtual aio::Task<base::Result<Json>> merge_patch(Kind kind, std::string ns, std::string name, Json patch,
                                                    std::string subresource) = 0;
  // Success when it is gone or on its way.
  virtual aio::Task<base::Result<>> remove(Kind kind, std::string ns, std::string name,
                                           DeleteOptions options) = 0;
};

}  // namespace penstock::kube
