// What the controller answers, as handlers and the broker's own lifecycle ask it. The answer to a change is
// given after its records are below the high watermark; while this node is not the active controller every
// answer carries NOT_CONTROLLER.
//
// Threads: every call from the reactor `home`, where its task also ends; the work is done on the
// controller's own reactor.
// ERRORS: in the response, as the protocol has them.
#pragma once

#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "broker/metadata/controller_messages.h"

namespace penstock::metadata {

class ControllerApi {
 public:
  virtual ~ControllerApi() = default;

#define PENSTOCK_CONTROLLER_CALL(method, Message, decision) \
  virtual aio::Task<kafka::Message##Response> method(aio::Reactor& home, kafka::Message##Request request) = 0;
  PENSTOCK_CONTROLLER_CALLS(PENSTOCK_CONTROLLER_CALL)
  PENSTOCK_CONTROLLER_CALL(register_controller, ControllerRegistration, )
  PENSTOCK_QUORUM_CALLS(PENSTOCK_CONTROLLER_CALL)
#undef PENSTOCK_CONTROLLER_CALL
};

}  // namespace penstock::metadata
