// The part of the Kubernetes REST API that the operator, `penstock` and kubectl use: a request in, a reply
// out.
//
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/
// Threads: one reactor.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "operator/local/objects.h"
#include "operator/local/watch.h"

namespace penstock::local {

struct ApiRequest {
  std::string method;
  std::string path;                          // Decoded, without the query.
  std::map<std::string, std::string> query;  // Decoded.
  std::string content_type;
  std::string accept;
  std::string user_agent;
  std::string body;

  std::string query_value(const std::string& name) const {
    const auto found = query.find(name);
    return found == query.end() ? std::string() : found->second;
  }
  bool query_flag(const std::string& name) const {
    const std::string value = query_value(name);
    return value == "true" || value == "1";
  }
};

// "/a%20b?c=d" taken apart. ERRORS: kCorrupt.
base::Result<> parse_target(std::string_view target, ApiRequest& request);

struct ApiReply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::optional<WatchRequest> watch;  // When set, the reply is a stream and has no body.
};

// A metav1.Status with the code and reason that Kubernetes has for this error.
Json status_of(const base::Error& error);
int http_status_of(base::Errc code);

class Api {
 public:
  explicit Api(Objects& objects) : objects_(objects) {}

  ApiReply handle(const ApiRequest& request);

 private:
  // What the path names: /apis/GROUP/VERSION/namespaces/NS/PLURAL/NAME/SUBRESOURCE.
  struct Target {
    const Kind* kind = nullptr;
    std::string ns;
    std::string name;
    std::string subresource;
  };

  base::Result<ApiReply> dispatch_safely(const ApiRequest& request);
  base::Result<ApiReply> dispatch(const ApiRequest& request);
  base::Result<ApiReply> discover(const ApiRequest& request, const std::vector<std::string>& parts);
  base::Result<Target> resolve(const std::vector<std::string>& parts) const;
  base::Result<ApiReply> read(const ApiRequest& request, const Target& target);
  base::Result<ApiReply> list(const ApiRequest& request, const Target& target);
  base::Result<ApiReply> start_watch(const ApiRequest& request, const Target& target);
  base::Result<ApiReply> create(const ApiRequest& request, const Target& target);
  base::Result<ApiReply> replace(const ApiRequest& request, const Target& target);
  base::Result<ApiReply> patch(const ApiRequest& request, const Target& target);
  base::Result<ApiReply> remove(const ApiRequest& request, const Target& target);
  base::Result<ApiReply> remove_all(const ApiRequest& request, const Target& target);
  base::Result<ApiReply> read_scale(const Target& target);
  base::Result<ApiReply> write_scale(const ApiRequest& request, const Target& target);
  ApiReply reply_with(const ApiRequest& request, const Target& target, const ObjectPtr& object,
                      int status = 200);

  Objects& objects_;
};

}  // namespace penstock::local
