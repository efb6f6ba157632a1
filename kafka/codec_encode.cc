#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>

#include <fmt/core.h>

#include "base/uuid.h"
#include "kafka/codec.h"

namespace penstock::kafka {

namespace {

constexpr std::size_t kStringBytesMax = 32767;
constexpr std::size_t kLengthMax = std::numeric_limits<std::int32_t>::max() - 1;

template <typename T>
const T& as(const void* member) {
  return *static_cast<const T*>(member);
}

const void* member_of(const FieldDescriptor& field, const void* object) {
  return static_cast<const std::uint8_t*>(object) + field.offset;
}

// The value of a member that may be a std::optional; null when it is absent.
template <typename T>
const T* value_of(const FieldDescriptor& field, const void* member) {
  if (!field.is_optional) return static_cast<const T*>(member);
  const auto& optional = as<std::optional<T>>(member);
  return optional ? &*optional : nullptr;
}

template <typename T>
bool is_default_container(const FieldDescriptor& field, const void* member) {
  const T* value = value_of<T>(field, member);
  return field.default_is_null ? value == nullptr : value != nullptr && value->size() == 0;
}

bool is_default_struct(const StructDescriptor& type, const void* object);

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

bool is_default(const FieldDescriptor& field, const void* object) {
  const void* member = member_of(field, object);
  if (field.is_array) return is_default_array(field, member);
  switch (field.type) {
    case FieldType::kBool:
      return as<bool>(member) == (field.default_number != 0);
    case FieldType::kInt8:
      return as<std::int8_t>(member) == field.default_number;
    case FieldType::kInt16:
      return as<std::int16_t>(member) == field.default_number;
    case FieldType::kUint16:
      return as<std::uint16_t>(member) == field.default_number;
    case FieldType::kInt32:
      return as<std::int32_t>(member) == field.default_number;
    case FieldType::kUint32:
      return as<std::uint32_t>(member) == field.default_number;
    case FieldType::kInt64:
      return as<std::int64_t>(member) == field.default_number;
    case FieldType::kFloat64:
      return as<double>(member) == static_cast<double>(field.default_number);
    case FieldType::kUuid:
      return as<base::Uuid>(member).is_zero();
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

bool is_default_struct(const StructDescriptor& type, const void* object) {
  return std::ranges::all_of(type.fields,
                             [&](const FieldDescriptor& field) { return is_default(field, object); });
}

// Fails softly, as the reader does: after the first failure what is written no longer matters.
class Encoder {
 public:
  Encoder(bool flexible, std::int16_t version, base::ByteWriter& writer, std::vector<RecordsPiece>* pieces)
      : writer_(writer), pieces_(pieces), version_(version), flexible_(flexible) {}

  bool failed() const { return failed_; }
  base::Errc code() const { return code_; }
  const char* failure() const { return failure_; }
  const std::string& path() const { return path_; }

  void encode_struct(const StructDescriptor& type, const void* object) {
    for (const FieldDescriptor& field : type.fields) {
      if (!field.versions.contains(version_)) {
        if (!field.ignorable && !is_default(field, object)) {
          fail(base::Errc::kUnsupported, "is set, but not in this version");
        }
      } else if (!field.tagged.contains(version_)) {
        encode_field(field, object);
      }
      if (failed_) return note(field);
    }
    if (flexible_) encode_tags(type, object);
  }

 private:
  void fail(base::Errc code, const char* why) {
    if (failed_) return;
    failed_ = true;
    code_ = code;
    failure_ = why;
  }

  void note(const FieldDescriptor& field) {
    path_ = path_.empty() ? std::string(field.name) : fmt::format("{}.{}", field.name, path_);
  }

  bool is_written_tag(const FieldDescriptor& field, const void* object) const {
    return field.versions.contains(version_) && field.tagged.contains(version_) && !is_default(field, object);
  }

  void encode_tags(const StructDescriptor& type, const void* object) {
    if (type.tagged.empty()) return writer_.write_uint8(0);
    std::uint32_t count = 0;
    for (const FieldDescriptor* field : type.tagged) count += is_written_tag(*field, object) ? 1 : 0;
    writer_.write_unsigned_varint(count);
    for (const FieldDescriptor* field : type.tagged) {
      if (!is_written_tag(*field, object)) continue;
      writer_.write_unsigned_varint(static_cast<std::uint32_t>(field->tag));
      encode_sized(*field, object);
      if (failed_) return note(*field);
    }
  }

  // The field after its size. One byte is kept for the size, which is nearly always enough.
  void encode_sized(const FieldDescriptor& field, const void* object) {
    const std::size_t start = writer_.size();
    writer_.write_uint8(0);
    encode_field(field, object);
    const std::size_t size = writer_.size() - start - 1;
    base::ByteWriter prefix;
    prefix.write_unsigned_varint(static_cast<std::uint32_t>(size));
    base::Bytes& bytes = writer_.bytes();
    const base::ByteSpan span = prefix.span();
    bytes[start] = span[0];
    bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(start) + 1, span.begin() + 1, span.end());
  }

  void encode_field(const FieldDescriptor& field, const void* object) {
    const void* member = member_of(field, object);
    if (field.is_array) return encode_array(field, member);
    switch (field.type) {
      case FieldType::kBool:
        return writer_.write_int8(as<bool>(member) ? 1 : 0);
      case FieldType::kInt8:
        return writer_.write_int8(as<std::int8_t>(member));
      case FieldType::kInt16:
        return writer_.write_int16(as<std::int16_t>(member));
      case FieldType::kUint16:
        return writer_.write_uint16(as<std::uint16_t>(member));
      case FieldType::kInt32:
        return writer_.write_int32(as<std::int32_t>(member));
      case FieldType::kUint32:
        return writer_.write_uint32(as<std::uint32_t>(member));
      case FieldType::kInt64:
        return writer_.write_int64(as<std::int64_t>(member));
      case FieldType::kFloat64:
        return writer_.write_float64(as<double>(member));
      case FieldType::kUuid:
        return write_element(field, as<base::Uuid>(member));
      case FieldType::kString:
        return encode_string(field, value_of<std::string>(field, member));
      case FieldType::kBytes:
        return encode_bytes(field, value_of<base::Bytes>(field, member));
      case FieldType::kRecords:
        return encode_records(field, value_of<RecordsRef>(field, member));
      case FieldType::kStruct:
        return encode_nested(field, field.ops->get(member));
    }
  }

  bool compact(const FieldDescriptor& field) const { return flexible_ && !field.never_flexible; }

  // False when the value is absent: null is written, or refused where there is no null.
  bool write_presence(const FieldDescriptor& field, const void* value, bool is_short) {
    if (value != nullptr) return true;
    if (!field.nullable.contains(version_)) {
      fail(base::Errc::kInvalidArgument, "is null, which this version does not allow");
    } else if (compact(field)) {
      writer_.write_uint8(0);
    } else if (is_short) {
      writer_.write_int16(-1);
    } else {
      writer_.write_int32(-1);
    }
    return false;
  }

  void write_length(const FieldDescriptor& field, std::size_t length, bool is_short) {
    if (length > (is_short ? kStringBytesMax : kLengthMax)) {
      return fail(base::Errc::kInvalidArgument, "is too long");
    }
    if (compact(field)) {
      writer_.write_unsigned_varint(static_cast<std::uint32_t>(length) + 1);
    } else if (is_short) {
      writer_.write_int16(static_cast<std::int16_t>(length));
    } else {
      writer_.write_int32(static_cast<std::int32_t>(length));
    }
  }

  void encode_string(const FieldDescriptor& field, const std::string* text) {
    if (!write_presence(field, text, true)) return;
    write_length(field, text->size(), true);
    writer_.write_text(*text);
  }

  void encode_bytes(const FieldDescriptor& field, const base::Bytes* bytes) {
    if (!write_presence(field, bytes, false)) return;
    write_length(field, bytes->size(), false);
    writer_.write_bytes(*bytes);
  }

  void encode_records(const FieldDescriptor& field, const RecordsRef* records) {
    if (!write_presence(field, records, false)) return;
    write_length(field, records->size(), false);
    if (pieces_ != nullptr) {
      if (records->size() > 0) pieces_->push_back({writer_.size(), *records});
    } else if (records->is_file()) {
      fail(base::Errc::kInvalidArgument, "is a range of a file, which cannot be copied here");
    } else {
      writer_.write_bytes(records->bytes);
    }
  }

  void encode_nested(const FieldDescriptor& field, const void* nested) {
    if (field.nullable.contains(version_)) {
      // Kafka marks a null struct by 0 when it is a tagged field, and by -1 when it is not.
      const std::int8_t absent = field.tagged.contains(version_) ? 0 : -1;
      writer_.write_int8(nested != nullptr ? 1 : absent);
      if (nested == nullptr) return;
    } else if (nested == nullptr) {
      return fail(base::Errc::kInvalidArgument, "is null, which this version does not allow");
    }
    encode_struct(*field.element, nested);
  }

  void write_element(const FieldDescriptor&, std::int8_t v) { writer_.write_int8(v); }
  void write_element(const FieldDescriptor&, std::int16_t v) { writer_.write_int16(v); }
  void write_element(const FieldDescriptor&, std::int32_t v) { writer_.write_int32(v); }
  void write_element(const FieldDescriptor&, std::int64_t v) { writer_.write_int64(v); }
  void write_element(const FieldDescriptor& field, const std::string& v) {
    write_length(field, v.size(), true);
    writer_.write_text(v);
  }
  void write_element(const FieldDescriptor&, const base::Uuid& v) {
    writer_.write_int64(static_cast<std::int64_t>(v.most_significant));
    writer_.write_int64(static_cast<std::int64_t>(v.least_significant));
  }

  template <typename T>
  void encode_elements(const FieldDescriptor& field, const void* member) {
    const auto* elements = value_of<std::vector<T>>(field, member);
    if (!write_presence(field, elements, false)) return;
    write_length(field, elements->size(), false);
    for (const T& element : *elements) write_element(field, element);
  }

  void encode_structs(const FieldDescriptor& field, const void* elements) {
    if (!write_presence(field, elements, false)) return;
    const std::size_t count = field.ops->count(elements);
    write_length(field, count, false);
    const auto* element = static_cast<const std::uint8_t*>(field.ops->data(elements));
    for (std::size_t i = 0; i < count && !failed_; ++i, element += field.element->size) {
      encode_struct(*field.element, element);
    }
  }

  void encode_array(const FieldDescriptor& field, const void* member) {
    switch (field.type) {
      case FieldType::kInt8:
        return encode_elements<std::int8_t>(field, member);
      case FieldType::kInt16:
        return encode_elements<std::int16_t>(field, member);
      case FieldType::kInt32:
        return encode_elements<std::int32_t>(field, member);
      case FieldType::kInt64:
        return encode_elements<std::int64_t>(field, member);
      case FieldType::kUuid:
        return encode_elements<base::Uuid>(field, member);
      case FieldType::kString:
        return encode_elements<std::string>(field, member);
      case FieldType::kStruct:
        return encode_structs(field, field.ops->get(member));
      default:
        return fail(base::Errc::kInternal, "is an array that the generator does not make");
    }
  }

  base::ByteWriter& writer_;
  std::vector<RecordsPiece>* const pieces_;
  const std::int16_t version_;
  const bool flexible_;
  bool failed_ = false;
  base::Errc code_ = base::Errc::kInternal;
  const char* failure_ = "";
  std::string path_;
};

}  // namespace

base::Result<> encode_message(const MessageDescriptor& descriptor, const void* message, std::int16_t version,
                              base::ByteWriter& writer, std::vector<RecordsPiece>* pieces) {
  if (!descriptor.versions.contains(version)) {
    return base::fail(base::Errc::kUnsupported,
                      fmt::format("{} has no version {}", descriptor.name, version));
  }
  Encoder encoder(descriptor.is_flexible(version), version, writer, pieces);
  encoder.encode_struct(*descriptor.root, message);
  if (!encoder.failed()) return {};
  return base::fail(encoder.code(), fmt::format("{} v{}: {} {}", descriptor.name, version, encoder.path(),
                                                encoder.failure()));
}

}  // namespace penstock::kafka
