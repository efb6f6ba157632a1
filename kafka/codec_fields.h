// Reading the members of a message through its descriptors. Private to the codec.
//
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>

#include "kafka/descriptor.h"

namespace penstock::kafka {

template <typename T>
const T& member_as(const void* member) {
  return *static_cast<const T*>(member);
}

inline const void* member_of(const FieldDescriptor& field, const void* object) {
  return static_cast<const std::uint8_t*>(object) + field.offset;
}

// The value of a member that may be a std::optional; null when it is absent.
template <typename T>
const T* member_value(const FieldDescriptor& field, const void* member) {
  if (!field.is_optional) return static_cast<const T*>(member);
  const auto& optional = member_as<std::optional<T>>(member);
  return optional ? &*optional : nullptr;
}

// Whether the field has its default, so that it need not be written.
bool is_default(const FieldDescriptor& field, const void* object);

}  // namespace penstock::kafka
