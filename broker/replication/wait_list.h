// Intrusive lists of what waits on a partition: joining, leaving and being woken cost O(1), nothing is
// allocated.
//
// Lifetime: an element leaves its list when it is destroyed; a list is emptied before it is destroyed.
// Threads: the partition's reactor.
#pragma once

#include "base/assert.h"

namespace penstock::replication {

class WaitNode {
 public:
  WaitNode() = default;
  WaitNode(const WaitNode&) = delete;
  WaitNode& operator=(const WaitNode&) = delete;
  ~WaitNode() { leave(); }

  bool is_waiting() const { return next_ != this; }
  void leave() {
    next_->previous_ = previous_;
    previous_->next_ = next_;
    next_ = previous_ = this;
  }

 private:
  template <typename T>
  friend class WaitList;
  WaitNode* next_ = this;
  WaitNode* previous_ = this;
};

// T derives from WaitNode.
template <typename T>
class WaitList {
 public:
  WaitList() = default;
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;
  ~WaitList() { BASE_ASSERT(is_empty(), "a wait list is destroyed with waiters"); }

  bool is_empty() const { return !head_.is_waiting(); }
  void push_back(T& waiter) {
    WaitNode& node = waiter;
    BASE_ASSERT(!node.is_waiting(), "a waiter joins one list");
    node.previous_ = head_.previous_;
    node.next_ = &head_;
    head_.previous_->next_ = &node;
    head_.previous_ = &node;
  }
  // Keeps the list ascending by key(waiter); from behind, where nearly all belong.
  template <typename Key>
  void insert_by(T& waiter, Key key) {
    WaitNode& node = waiter;
    BASE_ASSERT(!node.is_waiting(), "a waiter joins one list");
    WaitNode* after = head_.previous_;
    while (after != &head_ && key(static_cast<const T&>(*after)) > key(waiter)) after = after->previous_;
    node.previous_ = after;
    node.next_ = after->next_;
    after->next_->previous_ = &node;
    after->next_ = &node;
  }
  T* front() { return is_empty() ? nullptr : static_cast<T*>(head_.next_); }
  T* pop_front() {
    T* waiter = front();
    if (waiter != nullptr) waiter->leave();
    return waiter;
  }
  // Calls visit(T&) for each. The visited waiter may leave; no other may.
  template <typename Visit>
  void for_each(Visit visit) {
    for (WaitNode* at = head_.next_; at != &head_;) {
      WaitNode* next = at->next_;
      visit(static_cast<T&>(*at));
      at = next;
    }
  }

 private:
  WaitNode head_;
};

}  // namespace penstock::replication
