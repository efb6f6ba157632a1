// Random messages of any type, made through the descriptors, with the edges of every field type.
//
// Threads: used by one thread.
#pragma once

#include <cstdint>
#include <random>

#include "kafka/message_registry.h"

namespace penstock::test {

class RandomMessages {
 public:
  explicit RandomMessages(std::uint64_t seed) : random_(seed) {}

  // A message that can be encoded in that version: what is not in the version has its default, unless it is
  // ignorable, when it may have any value.
  kafka::AnyMessage make(const kafka::MessageDescriptor& type, std::int16_t version);

 private:
  void fill_struct(const kafka::StructDescriptor& type, void* object, std::int16_t version);
  void fill_field(const kafka::FieldDescriptor& field, void* member, std::int16_t version, bool present);
  void fill_array(const kafka::FieldDescriptor& field, void* member, std::int16_t version);
  template <typename T>
  void fill_elements(const kafka::FieldDescriptor& field, void* member);

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  std::size_t element_count();
  std::int64_t number(int bits);
  base::Bytes bytes();
  std::string text();

  std::mt19937_64 random_;
};

}  // namespace penstock::test
