// The answer to a request that was not taken at all, for each kind of request.
//
// Threads: pure functions.
#pragma once

#include "broker/metadata/controller_api.h"
#include "kafka/error_codes.h"

namespace penstock::metadata {

// The messages whose answer has one error code for all of it.
template <typename Request>
typename Request::Response refuse_all(const Request& /*request*/, kafka::ErrorCode code) {
  typename Request::Response response;
  response.error_code = kafka::to_wire(code);
  return response;
}
kafka::CreateTopicsResponse refuse_all(const kafka::CreateTopicsRequest& request, kafka::ErrorCode code);
kafka::DeleteTopicsResponse refuse_all(const kafka::DeleteTopicsRequest& request, kafka::ErrorCode code);
kafka::CreatePartitionsResponse refuse_all(const kafka::CreatePartitionsRequest& request,
                                           kafka::ErrorCode code);
kafka::IncrementalAlterConfigsResponse refuse_all(const kafka::IncrementalAlterConfigsRequest& request,
                                                  kafka::ErrorCode code);
kafka::AlterConfigsResponse refuse_all(const kafka::AlterConfigsRequest& request, kafka::ErrorCode code);

}  // namespace penstock::metadata
