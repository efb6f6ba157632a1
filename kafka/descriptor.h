// What the table-driven codec knows of a message: its fields, their types and the versions they are in.
// The generator writes these tables from kafka/schema, one per struct; nothing else makes them.
//
// Threads: constants.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "kafka/api_keys.h"

namespace penstock::kafka {

// A closed range of versions; empty when lowest > highest.
struct VersionRange {
  std::int16_t lowest = 0;
  std::int16_t highest = -1;

  constexpr bool contains(std::int16_t version) const { return version >= lowest && version <= highest; }
};

enum class FieldType : std::uint8_t {
  kBool,
  kInt8,
  kInt16,
  kUint16,
  kInt32,
  kUint32,
  kInt64,
  kFloat64,
  kUuid,
  kString,
  kBytes,
  kRecords,
  kStruct,
};

struct StructDescriptor;

// Access to a member of type T or std::optional<T> whose T only the generated code knows.
struct StructMemberOps {
  // emplace() makes the member present and returns it, get() returns it or null, reset() makes it absent.
  void* (*emplace)(void* member);
  void (*reset)(void* member);  // Does nothing when the member is no std::optional.
  const void* (*get)(const void* member);
  // A member that is a vector of structs, given what emplace() or get() returned.
  void* (*append)(void* vector) = nullptr;
  void (*reserve)(void* vector, std::size_t count) = nullptr;
  std::size_t (*count)(const void* vector) = nullptr;
  const void* (*data)(const void* vector) = nullptr;
};

struct FieldDescriptor {
  std::string_view name;
  std::uint32_t offset;  // In the C++ struct.
  FieldType type;        // Of the elements when it is an array.
  bool is_array;
  bool is_optional;      // The member is a std::optional.
  bool default_is_null;  // Otherwise the default of a non-number is empty.
  bool ignorable;        // May be dropped in a version that lacks it.
  bool never_flexible;   // Keeps the old encoding of strings in flexible versions.
  std::int16_t tag;      // -1: never tagged.
  VersionRange versions;
  VersionRange nullable;
  VersionRange tagged;
  std::int64_t default_number;
  const StructDescriptor* element;  // Type kStruct only, as is `ops`.
  const StructMemberOps* ops;
};

struct StructDescriptor {
  std::string_view name;
  std::size_t size;  // sizeof the C++ struct.
  std::span<const FieldDescriptor> fields;
  std::span<const FieldDescriptor* const> tagged;   // In the order of their tags.
  std::span<const std::uint16_t> encoded_size_min;  // By version - lowest version of the message.
};

enum class MessageKind : std::uint8_t {
  kRequest,
  kResponse,
  kHeader,
  kData,
  kMetadataRecord,
  kCoordinatorKey,
  kCoordinatorValue,
};

struct MessageDescriptor {
  std::string_view name;
  MessageKind kind;
  std::int16_t key;  // Api key or record key; -1 when it has none.
  VersionRange versions;
  VersionRange flexible;
  const StructDescriptor* root;
  void* (*create)();
  void (*destroy)(void* message);

  constexpr bool is_flexible(std::int16_t version) const { return flexible.contains(version); }
};

namespace detail {

template <typename T>
void* create_message() {
  return new T();
}
template <typename T>
void destroy_message(void* message) {
  delete static_cast<T*>(message);
}

inline void* emplace_plain(void* member) { return member; }
inline const void* get_plain(const void* member) { return member; }
template <typename T>
void* emplace_optional(void* member) {
  return &static_cast<std::optional<T>*>(member)->emplace();
}
inline void reset_plain(void*) {}
template <typename T>
void reset_optional(void* member) {
  static_cast<std::optional<T>*>(member)->reset();
}
template <typename T>
const void* get_optional(const void* member) {
  const auto& value = *static_cast<const std::optional<T>*>(member);
  return value ? &*value : nullptr;
}
template <typename T>
void* vector_append(void* vector) {
  return &static_cast<std::vector<T>*>(vector)->emplace_back();
}
template <typename T>
void vector_reserve(void* vector, std::size_t count) {
  static_cast<std::vector<T>*>(vector)->reserve(count);
}
template <typename T>
std::size_t vector_count(const void* vector) {
  return static_cast<const std::vector<T>*>(vector)->size();
}
template <typename T>
const void* vector_data(const void* vector) {
  return static_cast<const std::vector<T>*>(vector)->data();
}

template <typename T>
inline constexpr StructMemberOps kStruct{.emplace = &emplace_plain, .reset = &reset_plain, .get = &get_plain};
template <typename T>
inline constexpr StructMemberOps kOptionalStruct{
    .emplace = &emplace_optional<T>, .reset = &reset_optional<T>, .get = &get_optional<T>};
template <typename T>
inline constexpr StructMemberOps kVector{.emplace = &emplace_plain,
                                         .reset = &reset_plain,
                                         .get = &get_plain,
                                         .append = &vector_append<T>,
                                         .reserve = &vector_reserve<T>,
                                         .count = &vector_count<T>,
                                         .data = &vector_data<T>};
template <typename T>
inline constexpr StructMemberOps kOptionalVector{.emplace = &emplace_optional<std::vector<T>>,
                                                 .reset = &reset_optional<std::vector<T>>,
                                                 .get = &get_optional<std::vector<T>>,
                                                 .append = &vector_append<T>,
                                                 .reserve = &vector_reserve<T>,
                                                 .count = &vector_count<T>,
                                                 .data = &vector_data<T>};

}  // namespace detail

}  // namespace penstock::kafka
