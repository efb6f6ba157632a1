// AlterConfigs: replaces all configs of a resource. Deprecated, still used by old tools.
#include "broker/handlers/alter_resources.h"
#include "kafka/messages/alter_configs_request.h"
#include "kafka/messages/alter_configs_response.h"

namespace penstock::handlers {

extern const Handler alter_configs_handler =
    on_both_listeners(make_handler<kafka::AlterConfigsRequest, kafka::AlterConfigsResponse,
                                   alter_resources<kafka::AlterConfigsRequest, kafka::AlterConfigsResponse,
                                                   &metadata::ControllerApi::alter_configs>>());

}  // namespace penstock::handlers
