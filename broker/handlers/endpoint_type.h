// Which kind of node a DescribeCluster is about: brokers are described by their own listeners, controllers by
// theirs. Source: KIP-919.
#pragma once

#include <cstdint>

#include "kafka/error_codes.h"
#include "kafka/messages/describe_cluster_response.h"

namespace penstock::handlers {

constexpr std::int8_t kEndpointTypeBrokers = 1;
constexpr std::int8_t kEndpointTypeControllers = 2;

// The answer of a listener of kind `served`, refused already when another kind is `asked` for.
inline kafka::DescribeClusterResponse begin_describe_cluster(std::int8_t asked, std::int8_t served) {
  kafka::DescribeClusterResponse response;
  response.endpoint_type = served;
  if (asked == served) return response;
  const bool is_known = asked == kEndpointTypeBrokers || asked == kEndpointTypeControllers;
  response.error_code = kafka::to_wire(is_known ? kafka::ErrorCode::kMismatchedEndpointType
                                                : kafka::ErrorCode::kUnsupportedEndpointType);
  response.error_message =
      is_known ? "The request was sent to an endpoint of the wrong type." : "Unsupported endpoint type.";
  return response;
}

}  // namespace penstock::handlers
