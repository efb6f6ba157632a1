// Keeps this controller registered: whenever the metadata does not have its present incarnation, the active
// controller is told of it.
//
// Threads: the control reactor. Lifetime: the api outlives stop().
// Source: KIP-919 (controller registration).
#pragma once

#include "base/aio/cancel.h"
#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "broker/metadata/controller_api.h"
#include "broker/metadata/image.h"

namespace penstock::metadata {

class ControllerRegistrar {
 public:
  ControllerRegistrar(aio::Reactor& reactor, ControllerApi& controller,
                      kafka::ControllerRegistrationRequest registration)
      : reactor_(reactor), controller_(controller), registration_(std::move(registration)) {}

  const kafka::ControllerRegistrationRequest& registration() const { return registration_; }
  void on_image(const MetadataImage& image);
  aio::Task<> stop();

 private:
  aio::Task<> run();

  aio::Reactor& reactor_;
  ControllerApi& controller_;
  const kafka::ControllerRegistrationRequest registration_;
  bool is_wanted_ = false;
  bool is_running_ = false;
  aio::CancelSource stopping_;
  aio::Gate gate_;
};

}  // namespace penstock::metadata
