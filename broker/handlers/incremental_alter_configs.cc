// IncrementalAlterConfigs: sets, deletes, appends to and subtracts from configs (KIP-339).
#include "broker/handlers/alter_resources.h"
#include "kafka/messages/incremental_alter_configs_request.h"
#include "kafka/messages/incremental_alter_configs_response.h"

namespace penstock::handlers {

extern const Handler incremental_alter_configs_handler = on_both_listeners(
    make_handler<
        kafka::IncrementalAlterConfigsRequest, kafka::IncrementalAlterConfigsResponse,
        alter_resources<kafka::IncrementalAlterConfigsRequest, kafka::IncrementalAlterConfigsResponse,
                        &metadata::ControllerApi::incremental_alter_configs>>());

}  // namespace penstock::handlers
