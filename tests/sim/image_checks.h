// What must hold of the metadata images after every event:
//   - a node's image never goes back during one run, and two nodes' images of the same offset are equal;
//   - the ISR and the eligible leader replicas are replicas, no broker is in both, and with
//   min.insync.replicas
//     in sync none is eligible besides;
//   - whoever leads is in sync and in service; epochs of leaders and partitions never go back.
//
// Threads: one.
// Source: the TLA+ properties ValidControllerIsrAndElr and MetadataLogMatching; KIP-966.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "base/uuid.h"
#include "broker/metadata/image.h"
#include "tests/sim/history.h"

namespace penstock::sim {

class ImageChecks {
 public:
  explicit ImageChecks(History& history) : history_(history) {}
  void look(int node, const void* run, const metadata::ImagePtr& image);

 private:
  struct Epochs {
    int leader = -1;
    int partition = -1;
  };
  struct Node {
    const void* run = nullptr;
    metadata::ImagePtr image;
    std::map<std::pair<base::Uuid, int>, Epochs> epochs;
  };
  void look_at(const metadata::MetadataImage& image, const metadata::Topic& topic, int index, Epochs& epochs);
  void look_at_in_sync(const metadata::MetadataImage& image, const metadata::Topic& topic,
                       const metadata::Partition& partition, const std::string& name);

  History& history_;
  std::map<int, Node> nodes_;
  std::map<std::int64_t, std::size_t> digests_;  // By the offset of the image.
};

}  // namespace penstock::sim
