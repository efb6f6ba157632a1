// Cancellation: a source that is cancelled once, and tokens that hear of it.
//
// Threads: one reactor.
// Lifetime: tokens may outlive their source. A registration unsubscribes when it is destroyed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

namespace penstock::aio {

class CancelToken {
  friend class CancelSource;
  struct State {
    bool is_cancelled = false;
    std::uint64_t next_id = 1;
    std::map<std::uint64_t, std::move_only_function<void()>> callbacks;
  };

 public:
  class Registration {
   public:
    Registration() = default;
    Registration(std::weak_ptr<State> state, std::uint64_t id) : state_(std::move(state)), id_(id) {}
    Registration(Registration&& other) noexcept
        : state_(std::move(other.state_)), id_(std::exchange(other.id_, 0)) {}
    Registration& operator=(Registration&& other) noexcept {
      reset();
      state_ = std::move(other.state_);
      id_ = std::exchange(other.id_, 0);
      return *this;
    }
    ~Registration() { reset(); }
    void reset() {
      if (auto state = state_.lock(); state && id_ != 0) state->callbacks.erase(id_);
      id_ = 0;
    }

   private:
    std::weak_ptr<State> state_;
    std::uint64_t id_ = 0;
  };

  CancelToken() = default;  // Never cancelled.

  bool is_cancelled() const { return state_ && state_->is_cancelled; }

  // Calls back once at cancellation; at once when it has already happened.
  Registration on_cancel(std::move_only_function<void()> callback) const {
    if (!state_) return {};
    if (state_->is_cancelled) {
      callback();
      return {};
    }
    const std::uint64_t id = state_->next_id++;
    state_->callbacks.emplace(id, std::move(callback));
    return Registration(state_, id);
  }

 private:
  explicit CancelToken(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

class CancelSource {
 public:
  CancelSource() : state_(std::make_shared<CancelToken::State>()) {}
  CancelToken token() const { return CancelToken(state_); }
  bool is_cancelled() const { return state_->is_cancelled; }
  void cancel() {
    if (std::exchange(state_->is_cancelled, true)) return;
    auto state = state_;
    while (!state->callbacks.empty()) {
      auto node = state->callbacks.extract(state->callbacks.begin());
      node.mapped()();
    }
  }

 private:
  std::shared_ptr<CancelToken::State> state_;
};

}  // namespace penstock::aio
