#include "kafka/codec_fields.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/uuid.h"
#include "kafka/records_ref.h"

namespace penstock::kafka {

namespace {

bool is_default_struct(const StructDescriptor& type, const void* object) {
  return std::ranges::all_of(type.fields,
                             [&](const FieldDescriptor& field) { return is_default(field, object); });
}

template <typename T>
bool is_default_container(const FieldDescriptor& field, const void* member) {
  const T* value = member_value<T>(field, member);
  return field.default_is_null ? value == nullptr : value != nullptr && value->size() == 0;
}

bool is_default_array(const FieldDescriptor& field, const void* member) {
  switch (field.type) {
    case FieldType::kInt8:
      return is_default_container<std::vector<std::int8_t>>(field, member);
    case FieldType::kInt16:
      return is_default_container<std::vector<std::int16_t>>(field, member);
    case FieldType::kInt32:
      return is_default_container<std::vector<std::int32_t>>(field, member);
    case FieldType::kInt64:
      return is_default_container<std::vector<std::int64_t>>(field, member);
    case FieldType::kUuid:
      return is_default_container<std::vector<base::Uuid>>(field, member);
    case FieldType::kString:
      return is_default_container<std::vector<std::string>>(field, member);
    default:
      const void* elements = field.ops->get(member);
      return field.default_is_null ? elements == nullptr
                                   : elements != nullptr && field.ops->count(elements) == 0;
  }
}

}  // namespace

bool is_default(const FieldDescriptor& field, const void* object) {
  const void* member = member_of(field, object);
  if (field.is_array) return is_default_array(field, member);
  switch (field.type) {
    case FieldType::kBool:
      return member_as<bool>(member) == (field.default_number != 0);
    case FieldType::kInt8:
      return member_as<std::int8_t>(member) == field.default_number;
    case FieldType::kInt16:
      return member_as<std::int16_t>(member) == field.default_number;
    case FieldType::kUint16:
      return member_as<std::uint16_t>(member) == field.default_number;
    case FieldType::kInt32:
      return member_as<std::int32_t>(member) == field.default_number;
    case FieldType::kUint32:
      return member_as<std::uint32_t>(member) == field.default_number;
    case FieldType::kInt64:
      return member_as<std::int64_t>(member) == field.default_number;
    case FieldType::kFloat64:
      return member_as<double>(member) == static_cast<double>(field.default_number);
    case FieldType::kUuid:
      return member_as<base::Uuid>(member).is_zero();
    case FieldType::kString:
      return is_default_container<std::string>(field, member);
    case FieldType::kBytes:
      return is_default_container<base::Bytes>(field, member);
    case FieldType::kRecords:
      return is_default_container<RecordsRef>(field, member);
    case FieldType::kStruct: {
      const void* nested = field.ops->get(member);
      if (nested == nullptr || field.default_is_null) return nested == nullptr && field.default_is_null;
      return is_default_struct(*field.element, nested);
    }
  }
  return false;
}

}  // namespace penstock::kafka
