#include "tests/support/kafka/random_message.h"

#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/uuid.h"
#include "kafka/records_ref.h"

namespace penstock::test {

namespace {

using kafka::FieldDescriptor;
using kafka::FieldType;

template <typename T>
void put(const FieldDescriptor& field, void* member, T value) {
  if (field.is_optional) {
    *static_cast<std::optional<T>*>(member) = std::move(value);
  } else {
    *static_cast<T*>(member) = std::move(value);
  }
}

template <typename T>
void clear(void* member) {
  static_cast<std::optional<T>*>(member)->reset();
}

void clear_array(const FieldDescriptor& field, void* member) {
  switch (field.type) {
    case FieldType::kInt8:
      return clear<std::vector<std::int8_t>>(member);
    case FieldType::kInt16:
      return clear<std::vector<std::int16_t>>(member);
    case FieldType::kInt32:
      return clear<std::vector<std::int32_t>>(member);
    case FieldType::kInt64:
      return clear<std::vector<std::int64_t>>(member);
    case FieldType::kUuid:
      return clear<std::vector<base::Uuid>>(member);
    case FieldType::kString:
      return clear<std::vector<std::string>>(member);
    default:
      return field.ops->reset(member);
  }
}

void clear_optional(const FieldDescriptor& field, void* member) {
  if (field.is_array) return clear_array(field, member);
  switch (field.type) {
    case FieldType::kString:
      return clear<std::string>(member);
    case FieldType::kBytes:
      return clear<base::Bytes>(member);
    case FieldType::kRecords:
      return clear<kafka::RecordsRef>(member);
    default:
      return field.ops->reset(member);
  }
}

}  // namespace

kafka::AnyMessage RandomMessages::make(const kafka::MessageDescriptor& type, std::int16_t version) {
  kafka::AnyMessage message(type);
  fill_struct(*type.root, message.get(), version);
  return message;
}

void RandomMessages::fill_struct(const kafka::StructDescriptor& type, void* object, std::int16_t version) {
  for (const FieldDescriptor& field : type.fields) {
    const bool present = field.versions.contains(version);
    if (!present && (!field.ignorable || below(2) == 0)) continue;
    if (field.tagged.contains(version) && below(2) == 0) continue;
    void* member = static_cast<std::uint8_t*>(object) + field.offset;
    if (field.is_optional && below(4) == 0 && (field.nullable.contains(version) || !present)) {
      clear_optional(field, member);
    } else {
      fill_field(field, member, version, present);
    }
  }
}

void RandomMessages::fill_field(const FieldDescriptor& field, void* member, std::int16_t version,
                                bool present) {
  if (field.is_array) return fill_array(field, member, version);
  switch (field.type) {
    case FieldType::kBool:
      return put(field, member, below(2) == 0);
    case FieldType::kInt8:
      return put(field, member, static_cast<std::int8_t>(number(8)));
    case FieldType::kInt16:
      return put(field, member, static_cast<std::int16_t>(number(16)));
    case FieldType::kUint16:
      return put(field, member, static_cast<std::uint16_t>(number(16)));
    case FieldType::kInt32:
      return put(field, member, static_cast<std::int32_t>(number(32)));
    case FieldType::kUint32:
      return put(field, member, static_cast<std::uint32_t>(number(32)));
    case FieldType::kInt64:
      return put(field, member, number(64));
    case FieldType::kFloat64:
      return put(field, member, static_cast<double>(number(32)) / 7);
    case FieldType::kUuid:
      return put(field, member, base::Uuid{random_(), random_()});
    case FieldType::kString:
      return put(field, member, text());
    case FieldType::kBytes:
      return put(field, member, bytes());
    case FieldType::kRecords:
      return put(field, member, kafka::RecordsRef::shared(bytes()));
    case FieldType::kStruct:
      // A struct of another version may hold fields that this one must not have.
      if (present) fill_struct(*field.element, field.ops->emplace(member), version);
      return;
  }
}

template <typename T>
void RandomMessages::fill_elements(const FieldDescriptor& field, void* member) {
  std::vector<T> elements(element_count());
  for (T& element : elements) {
    if constexpr (std::is_same_v<T, std::string>) {
      element = text();
    } else if constexpr (std::is_same_v<T, base::Uuid>) {
      element = {random_(), random_()};
    } else {
      element = static_cast<T>(number(8 * sizeof(T)));
    }
  }
  put(field, member, std::move(elements));
}

void RandomMessages::fill_array(const FieldDescriptor& field, void* member, std::int16_t version) {
  switch (field.type) {
    case FieldType::kInt8:
      return fill_elements<std::int8_t>(field, member);
    case FieldType::kInt16:
      return fill_elements<std::int16_t>(field, member);
    case FieldType::kInt32:
      return fill_elements<std::int32_t>(field, member);
    case FieldType::kInt64:
      return fill_elements<std::int64_t>(field, member);
    case FieldType::kUuid:
      return fill_elements<base::Uuid>(field, member);
    case FieldType::kString:
      return fill_elements<std::string>(field, member);
    default:
      break;
  }
  void* elements = field.ops->emplace(member);
  for (std::size_t i = element_count(); i > 0; --i) {
    fill_struct(*field.element, field.ops->append(elements), version);
  }
}

std::size_t RandomMessages::element_count() { return below(10) == 0 ? 1 + 130 / (1 + below(100)) : below(4); }

// Edges as often as anything between.
std::int64_t RandomMessages::number(int bits) {
  const std::int64_t max = std::numeric_limits<std::int64_t>::max() >> (64 - bits);
  switch (below(6)) {
    case 0:
      return 0;
    case 1:
      return -1;
    case 2:
      return max;
    case 3:
      return -max - 1;
    case 4:
      return static_cast<std::int64_t>(below(100));
    default:
      return static_cast<std::int64_t>(random_()) >> (64 - bits);
  }
}

base::Bytes RandomMessages::bytes() {
  base::Bytes value(below(5) == 0 ? below(300) : below(20));
  for (std::uint8_t& byte : value) byte = static_cast<std::uint8_t>(random_());
  return value;
}

// Kafka's strings are UTF-8, and its decoder would not give back what is not.
std::string RandomMessages::text() {
  switch (below(6)) {
    case 0:
      return "";
    case 1:
      return std::string(below(50) == 0 ? 32767 : 126 + below(4), 'a');
    case 2:
      return std::string("\xc3\xa9\xe4\xb8\x96\xf0\x9f\x98\x80\0", 10);
    default:
      return "name-" + std::to_string(below(100000));
  }
}

}  // namespace penstock::test
