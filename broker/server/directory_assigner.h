// Tells the controller that this broker's replicas live in its directory, where the metadata says another:
// after a disk was replaced, no replica on it may lead until then.
//
// It looks once the image has this process's registration: replicas that come later are placed in the
// registered directory by the controller.
//
// Threads: the control reactor. Lifetime: start(), then stop() before destruction.
// Bounds: kReplicasMax in a request, one request at a time.
// Source: KIP-858.
#pragma once

#include <functional>

#include "base/aio/cancel.h"
#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "broker/metadata/controller_api.h"
#include "broker/metadata/image_source.h"
#include "kafka/ids.h"

namespace penstock::server {

class DirectoryAssigner {
 public:
  struct Parts {
    aio::Reactor& reactor;
    metadata::ImageSource& images;
    metadata::ControllerApi& controller;
    kafka::NodeId self{};
    base::Uuid directory{};
    std::function<kafka::BrokerEpoch()> epoch;
  };
  explicit DirectoryAssigner(Parts parts) : parts_(std::move(parts)) {}

  void start();
  aio::Task<> stop();

  // What the controller is to be told; without directories: nothing.
  static kafka::AssignReplicasToDirsRequest misplaced(const metadata::MetadataImage& image,
                                                      kafka::NodeId self, const base::Uuid& directory);

 private:
  aio::Task<> run();

  const Parts parts_;
  aio::CancelSource stopping_;
  aio::Gate gate_;
};

}  // namespace penstock::server
