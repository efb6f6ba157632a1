// Where images come from: the newest one, and word of each change.
//
// Threads: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/aio/reactor.h"
#include "broker/metadata/image.h"

namespace penstock::metadata {

// One step of the metadata log, already applied.
struct ImageUpdate {
  ImagePtr before;
  ImagePtr after;
  std::vector<base::Uuid> changed_topics{};  // Created, deleted or with a changed partition; each once.
  std::vector<Resource> changed_configs{};
  bool is_brokers_changed = false;
};

class ImageSource {
 public:
  using Subscriber = std::function<void(const ImageUpdate&)>;

  ImageSource();

  // Never null.
  ImagePtr current() const;

  // Calls back on `reactor` once with everything (before = the empty image) and then for each update, in
  // order and without gaps. The subscriber outlives unsubscribe() plus what its reactor has still queued.
  std::uint64_t subscribe(aio::Reactor& reactor, Subscriber subscriber);
  void unsubscribe(std::uint64_t id);

  void publish(ImageUpdate update);

 private:
  struct Subscription {
    aio::Reactor* reactor;
    std::shared_ptr<const Subscriber> call;
  };
  mutable std::mutex mutex_;  // Not on the data path: handlers copy the pointer, cores keep their own.
  ImagePtr current_;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, Subscription> subscriptions_;
};

}  // namespace penstock::metadata
