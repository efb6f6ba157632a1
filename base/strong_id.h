// An integer with a meaning: NodeId and PartitionId do not mix although both are int32.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>

namespace penstock::base {

template <typename Tag, typename Rep>
class StrongId {
 public:
  using rep = Rep;
  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  friend constexpr auto operator<=>(StrongId, StrongId) = default;

  // A distance is a bare integer: offset + 3, end - start.
  friend constexpr StrongId operator+(StrongId a, Rep n) { return StrongId(static_cast<Rep>(a.value_ + n)); }
  friend constexpr StrongId operator-(StrongId a, Rep n) { return StrongId(static_cast<Rep>(a.value_ - n)); }
  friend constexpr Rep operator-(StrongId a, StrongId b) { return static_cast<Rep>(a.value_ - b.value_); }
  constexpr StrongId& operator+=(Rep n) {
    value_ = static_cast<Rep>(value_ + n);
    return *this;
  }
  constexpr StrongId& operator++() {
    ++value_;
    return *this;
  }

 private:
  Rep value_{};
};

}  // namespace penstock::base

template <typename Tag, typename Rep>
struct std::hash<penstock::base::StrongId<Tag, Rep>> {
  std::size_t operator()(penstock::base::StrongId<Tag, Rep> id) const noexcept {
    return std::hash<Rep>()(id.value());
  }
};
