#include <algorithm>
#include <bit>
#include <optional>
#include <string>
#include <type_traits>

#include <fmt/core.h>

#include "base/uuid.h"
#include "kafka/codec.h"
#include "kafka/codec_cursor.h"

namespace penstock::kafka {

namespace {

// What a decoded message may occupy beyond its bytes: arrays of structs cost more in memory than on the wire.
constexpr std::size_t kAmplificationMax = 16;
constexpr std::size_t kFreeMemoryBytes = 64 * 1024;
// Arrays grow as their elements are read; an announced count reserves no more than this many at first.
constexpr std::size_t kReserveCountMax = 64;
constexpr std::uint32_t kTagCountMax = 64;
constexpr std::int64_t kStringBytesMax = 32767;

template <typename T>
T& as(void* member) {
  return *static_cast<T*>(member);
}

class Decoder {
 public:
  Decoder(const MessageDescriptor& message, std::int16_t version, base::ByteSpan bytes,
          const std::shared_ptr<const void>& owner)
      : reader_(bytes),
        owner_(owner),
        version_(version),
        version_index_(static_cast<std::size_t>(version - message.versions.lowest)),
        flexible_(message.is_flexible(version)),
        memory_left_(kFreeMemoryBytes + kAmplificationMax * bytes.size()) {}

  const Cursor& cursor() const { return reader_; }
  // Where it failed: "topics.partitions".
  const std::string& path() const { return path_; }

  void decode_struct(const StructDescriptor& type, void* object) {
    for (const FieldDescriptor& field : type.fields) {
      if (!field.versions.contains(version_) || field.tagged.contains(version_)) continue;
      decode_field(field, object);
      if (reader_.failed()) return note(field);
    }
    if (flexible_) decode_tags(type, object);
  }

 private:
  void note(const FieldDescriptor& field) {
    path_ = path_.empty() ? std::string(field.name) : fmt::format("{}.{}", field.name, path_);
  }

  void decode_tags(const StructDescriptor& type, void* object) {
    const std::uint32_t count = reader_.read_unsigned_varint();
    if (count > kTagCountMax) return reader_.fail("too many tagged fields");
    std::int64_t previous = -1;
    for (std::uint32_t i = 0; i < count && !reader_.failed(); ++i) {
      const std::uint32_t tag = reader_.read_unsigned_varint();
      const std::uint32_t size = reader_.read_unsigned_varint();
      if (reader_.failed()) return;
      if (tag <= previous) return reader_.fail("tags are not in ascending order");
      previous = tag;
      if (size > reader_.remaining()) return reader_.fail("tagged field ends past the bytes left");
      const std::size_t left = reader_.remaining() - size;
      const FieldDescriptor* field = tag < type.tagged.size() ? type.tagged[tag] : nullptr;
      if (field == nullptr || !field->tagged.contains(version_) || !field->versions.contains(version_)) {
        reader_.read_span(size);
        continue;
      }
      decode_field(*field, object);
      if (!reader_.failed() && reader_.remaining() != left)
        reader_.fail("tagged field has another size than announced");
      if (reader_.failed()) return note(*field);
    }
  }

  void decode_field(const FieldDescriptor& field, void* object) {
    void* member = static_cast<std::uint8_t*>(object) + field.offset;
    if (field.is_array) return decode_array(field, member);
    switch (field.type) {
      case FieldType::kBool:
        as<bool>(member) = reader_.read<std::int8_t>() != 0;
        return;
      case FieldType::kInt8:
        as<std::int8_t>(member) = reader_.read<std::int8_t>();
        return;
      case FieldType::kInt16:
        as<std::int16_t>(member) = reader_.read<std::int16_t>();
        return;
      case FieldType::kUint16:
        as<std::uint16_t>(member) = reader_.read<std::uint16_t>();
        return;
      case FieldType::kInt32:
        as<std::int32_t>(member) = reader_.read<std::int32_t>();
        return;
      case FieldType::kUint32:
        as<std::uint32_t>(member) = reader_.read<std::uint32_t>();
        return;
      case FieldType::kInt64:
        as<std::int64_t>(member) = reader_.read<std::int64_t>();
        return;
      case FieldType::kFloat64:
        as<double>(member) = std::bit_cast<double>(reader_.read<std::uint64_t>());
        return;
      case FieldType::kUuid:
        as<base::Uuid>(member) = read_uuid();
        return;
      case FieldType::kString:
        return decode_text<std::string>(field, member);
      case FieldType::kBytes:
        return decode_text<base::Bytes>(field, member);
      case FieldType::kRecords:
        return decode_records(field, member);
      case FieldType::kStruct:
        return decode_nested(field, member);
    }
  }

  base::Uuid read_uuid() {
    base::Uuid id;
    id.most_significant = reader_.read<std::uint64_t>();
    id.least_significant = reader_.read<std::uint64_t>();
    return id;
  }

  // A length or count; -1 means null. Fails when it is more than the bytes left, or null where null is not
  // allowed.
  std::int64_t read_length(bool compact, bool is_short, bool nullable) {
    std::int64_t length = 0;
    if (compact) {
      length = static_cast<std::int64_t>(reader_.read_unsigned_varint()) - 1;
    } else {
      length = is_short ? reader_.read<std::int16_t>() : reader_.read<std::int32_t>();
    }
    if (reader_.failed()) return 0;
    if (length == -1 && nullable) return -1;
    if (length < 0) {
      reader_.fail(length == -1 ? "null where null is not allowed" : "negative length");
      return 0;
    }
    if (static_cast<std::uint64_t>(length) > reader_.remaining()) {
      reader_.fail("length exceeds the bytes left");
      return 0;
    }
    return length;
  }

  bool compact(const FieldDescriptor& field) const { return flexible_ && !field.never_flexible; }
  bool nullable(const FieldDescriptor& field) const { return field.nullable.contains(version_); }

  // Makes the member present or absent; null when it is absent.
  template <typename T>
  T* place(const FieldDescriptor& field, void* member, bool present) {
    if (!field.is_optional) return static_cast<T*>(member);
    auto& optional = as<std::optional<T>>(member);
    if (!present) {
      optional.reset();
      return nullptr;
    }
    return &optional.emplace();
  }

  template <typename T>
  void decode_text(const FieldDescriptor& field, void* member) {
    constexpr bool kIsString = std::is_same_v<T, std::string>;
    const std::int64_t length = read_length(compact(field), kIsString, nullable(field));
    if (kIsString && length > kStringBytesMax) return reader_.fail("string is longer than 32767 bytes");
    if (reader_.failed()) return;
    T* text = place<T>(field, member, length >= 0);
    if (text == nullptr) return;
    const base::ByteSpan span = reader_.read_span(static_cast<std::size_t>(length));
    text->assign(span.begin(), span.end());
  }

  void decode_records(const FieldDescriptor& field, void* member) {
    const std::int64_t length = read_length(compact(field), false, nullable(field));
    if (reader_.failed()) return;
    RecordsRef* records = place<RecordsRef>(field, member, length >= 0);
    if (records == nullptr) return;
    *records = {.bytes = reader_.read_span(static_cast<std::size_t>(length)), .owner = owner_};
  }

  void decode_nested(const FieldDescriptor& field, void* member) {
    if (nullable(field)) {
      // Kafka marks a null struct by 0 when it is a tagged field, and by -1 when it is not.
      const bool is_tagged = field.tagged.contains(version_);
      const std::int8_t marker = reader_.read<std::int8_t>();
      if (reader_.failed()) return;
      if (marker == (is_tagged ? 0 : -1)) return field.ops->reset(member);
      if (marker != 1) return reader_.fail("a nullable struct begins with another mark");
    }
    decode_struct(*field.element, field.ops->emplace(member));
  }

  template <typename T>
  void decode_numbers(const FieldDescriptor& field, void* member, std::int64_t count) {
    auto* numbers = place<std::vector<T>>(field, member, count >= 0);
    if (numbers == nullptr) return;
    if (static_cast<std::uint64_t>(count) * sizeof(T) > reader_.remaining()) {
      return reader_.fail("array count exceeds the bytes left");
    }
    const base::ByteSpan span = reader_.read_span(static_cast<std::size_t>(count) * sizeof(T));
    numbers->resize(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < numbers->size(); ++i) {
      if constexpr (std::is_same_v<T, base::Uuid>) {
        (*numbers)[i] = {base::load_be<std::uint64_t>(span.data() + i * sizeof(T)),
                         base::load_be<std::uint64_t>(span.data() + i * sizeof(T) + 8)};
      } else {
        (*numbers)[i] = base::load_be<T>(span.data() + i * sizeof(T));
      }
    }
  }

  void decode_strings(const FieldDescriptor& field, void* member, std::int64_t count) {
    auto* strings = place<std::vector<std::string>>(field, member, count >= 0);
    if (strings == nullptr) return;
    strings->reserve(std::min<std::size_t>(static_cast<std::size_t>(count), kReserveCountMax));
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t length = read_length(compact(field), true, false);
      if (length > kStringBytesMax) return reader_.fail("string is longer than 32767 bytes");
      if (!spend(sizeof(std::string))) return;
      strings->emplace_back(base::as_text(reader_.read_span(static_cast<std::size_t>(length))));
    }
  }

  void decode_structs(const FieldDescriptor& field, void* member, std::int64_t count) {
    if (count < 0) return field.ops->reset(member);
    const std::size_t size_min = field.element->encoded_size_min[version_index_];
    if (static_cast<std::uint64_t>(count) * size_min > reader_.remaining()) {
      return reader_.fail("array count exceeds the bytes left");
    }
    void* elements = field.ops->emplace(member);
    field.ops->reserve(elements, std::min<std::size_t>(static_cast<std::size_t>(count), kReserveCountMax));
    for (std::int64_t i = 0; i < count; ++i) {
      if (!spend(field.element->size)) return;
      decode_struct(*field.element, field.ops->append(elements));
      if (reader_.failed()) return;
    }
  }

  // Counts what elements occupy; false when the message has failed, by that or before.
  bool spend(std::size_t size) {
    if (reader_.failed()) return false;
    if (size > memory_left_) {
      reader_.fail("message takes too much memory for its size");
      return false;
    }
    memory_left_ -= size;
    return true;
  }

  void decode_array(const FieldDescriptor& field, void* member) {
    const std::int64_t count = read_length(compact(field), false, nullable(field));
    if (reader_.failed()) return;
    switch (field.type) {
      case FieldType::kInt8:
        return decode_numbers<std::int8_t>(field, member, count);
      case FieldType::kInt16:
        return decode_numbers<std::int16_t>(field, member, count);
      case FieldType::kInt32:
        return decode_numbers<std::int32_t>(field, member, count);
      case FieldType::kInt64:
        return decode_numbers<std::int64_t>(field, member, count);
      case FieldType::kUuid:
        return decode_numbers<base::Uuid>(field, member, count);
      case FieldType::kString:
        return decode_strings(field, member, count);
      case FieldType::kStruct:
        return decode_structs(field, member, count);
      default:
        return reader_.fail("the generator makes no arrays of this type");
    }
  }

  Cursor reader_;
  const std::shared_ptr<const void>& owner_;
  const std::int16_t version_;
  const std::size_t version_index_;
  const bool flexible_;
  std::size_t memory_left_;
  std::string path_;
};

}  // namespace

base::Result<> decode_message(const MessageDescriptor& descriptor, void* message, std::int16_t version,
                              base::ByteReader& reader, const std::shared_ptr<const void>& owner) {
  if (!descriptor.versions.contains(version)) {
    return base::fail(base::Errc::kUnsupported,
                      fmt::format("{} has no version {}", descriptor.name, version));
  }
  const std::size_t size = reader.remaining();
  Decoder decoder(descriptor, version, reader.rest(), owner);
  decoder.decode_struct(*descriptor.root, message);
  if (!decoder.cursor().failed()) {
    reader.skip(size - decoder.cursor().remaining());
    return {};
  }
  reader.fail(decoder.cursor().failure());
  const std::string& path = decoder.path();
  return base::fail(base::Errc::kCorrupt, fmt::format("{} v{}{}{}: {}", descriptor.name, version,
                                                      path.empty() ? "" : ": ", path, reader.failure()));
}

}  // namespace penstock::kafka
