#include "broker/metadata/image_source.h"

#include <utility>

namespace penstock::metadata {

ImageSource::ImageSource() : current_(std::make_shared<const MetadataImage>()) {}

ImagePtr ImageSource::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

std::uint64_t ImageSource::subscribe(aio::Reactor& reactor, Subscriber subscriber) {
  auto call = std::make_shared<const Subscriber>(std::move(subscriber));
  const std::lock_guard lock(mutex_);
  ImageUpdate all{.before = std::make_shared<const MetadataImage>(), .after = current_};
  for (const auto& topic : current_->topics()) all.changed_topics.push_back(topic->id);
  all.changed_configs = current_->configured_resources();
  all.is_brokers_changed = true;
  const std::uint64_t id = next_id_++;
  subscriptions_.emplace(id, Subscription{&reactor, call});
  reactor.post([call, all = std::move(all)] { (*call)(all); });
  return id;
}

void ImageSource::unsubscribe(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  subscriptions_.erase(id);
}

void ImageSource::publish(ImageUpdate update) {
  auto shared = std::make_shared<const ImageUpdate>(std::move(update));
  // Posted under the lock, so that every subscriber sees the updates in one order.
  const std::lock_guard lock(mutex_);
  current_ = shared->after;
  for (const auto& [id, subscription] : subscriptions_) {
    subscription.reactor->post([call = subscription.call, shared] { (*call)(*shared); });
  }
}

}  // namespace penstock::metadata
