#include "broker/metadata/controller_registrar.h"

#include <utility>

#include "base/aio/sleep.h"
#include "base/log.h"
#include "kafka/error_codes.h"

namespace penstock::metadata {

namespace {

constexpr base::Logger log("controller-registrar");
constexpr base::Duration kPause = base::milliseconds(100);

}  // namespace

void ControllerRegistrar::on_image(const MetadataImage& image) {
  const auto found = image.controllers().find(kafka::NodeId(registration_.controller_id));
  is_wanted_ =
      found == image.controllers().end() || found->second->incarnation_id != registration_.incarnation_id;
  if (is_wanted_ && !std::exchange(is_running_, true)) aio::spawn(gate_, "controller registration", run());
}

aio::Task<> ControllerRegistrar::run() {
  // The image that starts this is still being published.
  co_await aio::yield(reactor_);
  while (is_wanted_ && !stopping_.is_cancelled()) {
    kafka::ControllerRegistrationRequest request = registration_;
    const auto response = co_await controller_.register_controller(reactor_, std::move(request));
    const auto error = static_cast<kafka::ErrorCode>(response.error_code);
    if (error != kafka::ErrorCode::kNone && error != kafka::ErrorCode::kNotController &&
        error != kafka::ErrorCode::kRequestTimedOut) {
      log.warn("the active controller refuses this controller's registration: {}", kafka::error_name(error));
    }
    (void)co_await aio::sleep_for(reactor_, kPause, stopping_.token());
  }
  is_running_ = false;
}

aio::Task<> ControllerRegistrar::stop() {
  stopping_.cancel();
  co_await gate_.close();
}

}  // namespace penstock::metadata
