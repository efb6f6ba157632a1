// Requests of the Kubernetes API as HTTP calls, and what its replies mean.
//
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/
// Threads: values.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "operator/kube/client.h"
#include "operator/kube/cpprest_transport.h"

namespace penstock::kube {

HttpCall get_call(Kind kind, const std::string& ns, const std::string& name);
// `next`: where the page before ended, or empty.
HttpCall list_call(Kind kind, const Selection& selection, int page_items, const std::string& next);
HttpCall watch_call(Kind kind, const Selection& selection, const std::string& resource_version,
                    std::int64_t seconds);
HttpCall create_call(Kind kind, const Json& object);
HttpCall apply_call(Kind kind, const Json& object, const ApplyOptions& options);
HttpCall merge_patch_call(Kind kind, const std::string& ns, const std::string& name, const Json& patch,
                          const std::string& subresource);
HttpCall remove_call(Kind kind, const std::string& ns, const std::string& name, const DeleteOptions& options);

// Whether the same call may go well later: a cut connection, 429 and 5xx, except what says that it never
// will.
bool is_retriable(const HttpReply& reply);

// The error that a reply stands for, in the server's own words.
base::Error to_error(const HttpCall& call, const HttpReply& reply);

// A string in the object's metadata; empty when there is none.
std::string meta_string(const Json& object, const char* field);

}  // namespace penstock::kube
