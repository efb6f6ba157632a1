#include <bit>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>

#include <fmt/core.h>

#include "base/uuid.h"
#include "kafka/codec.h"
#include "kafka/codec_fields.h"
#include "kafka/codec_output.h"

namespace penstock::kafka {

namespace {

constexpr std::size_t kStringBytesMax = 32767;
constexpr std::size_t kLengthMax = std::numeric_limits<std::int32_t>::max() - 1;

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
    std::uint64_t written = 0;
    for (std::size_t tag = 0; tag < type.tagged.size(); ++tag) {
      if (is_written_tag(*type.tagged[tag], object)) written |= std::uint64_t{1} << tag;
    }
    writer_.write_unsigned_varint(static_cast<std::uint32_t>(std::popcount(written)));
    for (; written != 0; written &= written - 1) {
      const FieldDescriptor& field = *type.tagged[static_cast<std::size_t>(std::countr_zero(written))];
      writer_.write_unsigned_varint(static_cast<std::uint32_t>(field.tag));
      const std::size_t start = writer_.size();
      encode_field(field, object);
      writer_.insert_size(start);
      if (failed_) return note(field);
    }
  }

  void encode_field(const FieldDescriptor& field, const void* object) {
    const void* member = member_of(field, object);
    if (field.is_array) return encode_array(field, member);
    switch (field.type) {
      case FieldType::kBool:
        return writer_.write<std::int8_t>(member_as<bool>(member) ? 1 : 0);
      case FieldType::kInt8:
        return writer_.write<std::int8_t>(member_as<std::int8_t>(member));
      case FieldType::kInt16:
        return writer_.write<std::int16_t>(member_as<std::int16_t>(member));
      case FieldType::kUint16:
        return writer_.write<std::uint16_t>(member_as<std::uint16_t>(member));
      case FieldType::kInt32:
        return writer_.write<std::int32_t>(member_as<std::int32_t>(member));
      case FieldType::kUint32:
        return writer_.write<std::uint32_t>(member_as<std::uint32_t>(member));
      case FieldType::kInt64:
        return writer_.write<std::int64_t>(member_as<std::int64_t>(member));
      case FieldType::kFloat64:
        return writer_.write(std::bit_cast<std::uint64_t>(member_as<double>(member)));
      case FieldType::kUuid:
        return write_element(field, member_as<base::Uuid>(member));
      case FieldType::kString:
        return encode_string(field, member_value<std::string>(field, member));
      case FieldType::kBytes:
        return encode_bytes(field, member_value<base::Bytes>(field, member));
      case FieldType::kRecords:
        return encode_records(field, member_value<RecordsRef>(field, member));
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
      writer_.write<std::uint8_t>(0);
    } else if (is_short) {
      writer_.write<std::int16_t>(-1);
    } else {
      writer_.write<std::int32_t>(-1);
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
      writer_.write<std::int16_t>(static_cast<std::int16_t>(length));
    } else {
      writer_.write<std::int32_t>(static_cast<std::int32_t>(length));
    }
  }

  void encode_string(const FieldDescriptor& field, const std::string* text) {
    if (!write_presence(field, text, true)) return;
    write_length(field, text->size(), true);
    writer_.write_bytes(base::as_bytes(*text));
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
      writer_.write<std::int8_t>(nested != nullptr ? 1 : absent);
      if (nested == nullptr) return;
    } else if (nested == nullptr) {
      return fail(base::Errc::kInvalidArgument, "is null, which this version does not allow");
    }
    encode_struct(*field.element, nested);
  }

  void write_element(const FieldDescriptor&, std::int8_t v) { writer_.write<std::int8_t>(v); }
  void write_element(const FieldDescriptor&, std::int16_t v) { writer_.write<std::int16_t>(v); }
  void write_element(const FieldDescriptor&, std::int32_t v) { writer_.write<std::int32_t>(v); }
  void write_element(const FieldDescriptor&, std::int64_t v) { writer_.write<std::int64_t>(v); }
  void write_element(const FieldDescriptor& field, const std::string& v) {
    write_length(field, v.size(), true);
    writer_.write_bytes(base::as_bytes(v));
  }
  void write_element(const FieldDescriptor&, const base::Uuid& v) {
    writer_.write<std::int64_t>(static_cast<std::int64_t>(v.most_significant));
    writer_.write<std::int64_t>(static_cast<std::int64_t>(v.least_significant));
  }

  template <typename T>
  void encode_elements(const FieldDescriptor& field, const void* member) {
    const auto* elements = member_value<std::vector<T>>(field, member);
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

  Output writer_;
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
  const std::size_t start = writer.size();
  const std::size_t pieces_before = pieces != nullptr ? pieces->size() : 0;
  base::Result<> result;
  {
    Encoder encoder(descriptor.is_flexible(version), version, writer, pieces);
    encoder.encode_struct(*descriptor.root, message);
    if (encoder.failed()) {
      result = base::fail(encoder.code(), fmt::format("{} v{}: {} {}", descriptor.name, version,
                                                      encoder.path(), encoder.failure()));
    }
  }
  if (!result) {
    writer.bytes().resize(start);
    if (pieces != nullptr) pieces->resize(pieces_before);
  }
  return result;
}

}  // namespace penstock::kafka
