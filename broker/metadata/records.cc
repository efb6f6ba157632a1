#include "broker/metadata/records.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/assert.h"
#include "kafka/codec.h"
#include "kafka/messages/access_control_entry_record.h"
#include "kafka/messages/client_quota_record.h"
#include "kafka/messages/delegation_token_record.h"
#include "kafka/messages/remove_access_control_entry_record.h"
#include "kafka/messages/remove_delegation_token_record.h"
#include "kafka/messages/remove_user_scram_credential_record.h"
#include "kafka/messages/user_scram_credential_record.h"

namespace penstock::metadata {
namespace {

constexpr std::uint32_t kFrameVersion = 1;

template <typename T>
std::int16_t version_of(const T& /*record*/) {
  return T::kHighestVersion;
}
// The lowest version that says it, as Kafka's controller chooses.
std::int16_t version_of(const kafka::BrokerRegistrationChangeRecord& record) {
  if (record.cordoned_log_dirs) return 3;
  if (!record.log_dirs.empty()) return 2;
  return record.in_controlled_shutdown != 0 ? 1 : 0;
}

template <typename T>
base::Bytes encode_framed(const T& record) {
  const std::int16_t version = version_of(record);
  base::ByteWriter writer;
  writer.write_unsigned_varint(kFrameVersion);
  writer.write_unsigned_varint(static_cast<std::uint32_t>(T::kRecordKey));
  writer.write_unsigned_varint(static_cast<std::uint32_t>(version));
  const auto encoded = kafka::encode(record, version, writer);
  BASE_ASSERT(encoded.has_value(), "a metadata record encodes");
  return writer.take();
}

struct Frame {
  std::int16_t type = 0;
  std::int16_t version = 0;
  base::ByteSpan whole;
};

template <typename T>
base::Result<T> decode_as(base::ByteReader& reader, const Frame& frame) {
  if (frame.version < T::kLowestVersion || frame.version > T::kHighestVersion) {
    return base::fail(base::Errc::kUnsupported,
                      fmt::format("{} has version {}, this program reads {} to {}", T::kName, frame.version,
                                  T::kLowestVersion, T::kHighestVersion));
  }
  return kafka::decode<T>(reader, frame.version);
}

// Decodes when the type is T's; `describe` says what an opaque record replaces and whether it removes.
template <typename T, typename Describe>
bool try_opaque(base::ByteReader& reader, const Frame& frame, std::optional<base::Result<Record>>& out,
                Describe describe) {
  if (frame.type != T::kRecordKey) return false;
  auto record = decode_as<T>(reader, frame);
  if (!record) {
    out = base::fail(record.error());
    return true;
  }
  OpaqueRecord opaque;
  opaque.bytes.assign(frame.whole.begin(), frame.whole.end());
  describe(*record, opaque);
  out = Record(std::move(opaque));
  return true;
}

// Names may hold any character, so each goes behind its length: no two entities share a key.
std::string quota_key(const kafka::ClientQuotaRecord& record) {
  const auto sized = [](const std::string& text) { return fmt::format("{}:{}", text.size(), text); };
  std::vector<std::string> parts;
  for (const auto& entity : record.entity) {
    const std::string name = entity.entity_name ? sized(*entity.entity_name) : "default";
    parts.push_back(fmt::format("{}={}", sized(entity.entity_type), name));
  }
  std::ranges::sort(parts);
  std::string key = "quota";
  for (const auto& part : parts) key += "/" + part;
  return key + "/" + record.key;
}

std::optional<base::Result<Record>> decode_opaque(base::ByteReader& reader, const Frame& frame) {
  std::optional<base::Result<Record>> out;
  const auto scram = [](const auto& r, OpaqueRecord& o, bool is_removal) {
    o.replaces = fmt::format("scram/{}/{}", r.mechanism, r.name);
    o.is_removal = is_removal;
  };
  const auto token = [](const auto& r, OpaqueRecord& o, bool is_removal) {
    o.replaces = "token/" + r.token_id;
    o.is_removal = is_removal;
  };
  const auto acl = [](const auto& r, OpaqueRecord& o, bool is_removal) {
    o.replaces = "acl/" + r.id.to_string();
    o.is_removal = is_removal;
  };
  (void)(try_opaque<kafka::ClientQuotaRecord>(reader, frame, out,
                                              [](const kafka::ClientQuotaRecord& r, OpaqueRecord& o) {
                                                o.replaces = quota_key(r);
                                                o.is_removal = r.remove;
                                              }) ||
         try_opaque<kafka::UserScramCredentialRecord>(
             reader, frame, out, [&](const auto& r, OpaqueRecord& o) { scram(r, o, false); }) ||
         try_opaque<kafka::RemoveUserScramCredentialRecord>(
             reader, frame, out, [&](const auto& r, OpaqueRecord& o) { scram(r, o, true); }) ||
         try_opaque<kafka::DelegationTokenRecord>(
             reader, frame, out, [&](const auto& r, OpaqueRecord& o) { token(r, o, false); }) ||
         try_opaque<kafka::RemoveDelegationTokenRecord>(
             reader, frame, out, [&](const auto& r, OpaqueRecord& o) { token(r, o, true); }) ||
         try_opaque<kafka::AccessControlEntryRecord>(
             reader, frame, out, [&](const auto& r, OpaqueRecord& o) { acl(r, o, false); }) ||
         try_opaque<kafka::RemoveAccessControlEntryRecord>(
             reader, frame, out, [&](const auto& r, OpaqueRecord& o) { acl(r, o, true); }));
  return out;
}

template <std::size_t Index = 0>
base::Result<Record> decode_known(base::ByteReader& reader, const Frame& frame) {
  if constexpr (Index + 1 < std::variant_size_v<Record>) {
    using T = std::variant_alternative_t<Index, Record>;
    if (frame.type != T::kRecordKey) return decode_known<Index + 1>(reader, frame);
    TRY_ASSIGN(auto record, decode_as<T>(reader, frame));
    return Record(std::move(record));
  } else {
    if (auto opaque = decode_opaque(reader, frame)) return std::move(*opaque);
    return base::fail(base::Errc::kUnsupported,
                      fmt::format("the metadata log has a record of type {}", frame.type));
  }
}

}  // namespace

std::string_view record_name(const Record& record) {
  return std::visit(
      []<typename T>(const T& /*record*/) -> std::string_view {
        if constexpr (std::is_same_v<T, OpaqueRecord>) {
          return "a record that is only kept";
        } else {
          return T::kName;
        }
      },
      record);
}

base::Bytes encode_record(const Record& record) {
  return std::visit(
      [](const auto& r) -> base::Bytes {
        if constexpr (std::is_same_v<std::decay_t<decltype(r)>, OpaqueRecord>) {
          return r.bytes;
        } else {
          return encode_framed(r);
        }
      },
      record);
}

base::Result<Record> decode_record(base::ByteSpan bytes) {
  base::ByteReader reader(bytes);
  const std::uint32_t frame_version = reader.read_unsigned_varint();
  const std::uint32_t type = reader.read_unsigned_varint();
  const std::uint32_t version = reader.read_unsigned_varint();
  if (reader.failed()) return base::fail(base::Errc::kCorrupt, reader.failure());
  if (frame_version != kFrameVersion || type > INT16_MAX || version > INT16_MAX) {
    return base::fail(base::Errc::kUnsupported,
                      fmt::format("metadata record with frame version {}, type {}, version {}", frame_version,
                                  type, version));
  }
  const Frame frame{static_cast<std::int16_t>(type), static_cast<std::int16_t>(version), bytes};
  auto record = decode_known(reader, frame);
  if (record && reader.remaining() != 0) {
    return base::fail(base::Errc::kCorrupt, fmt::format("{} bytes behind a metadata record of type {}",
                                                        reader.remaining(), frame.type));
  }
  return record;
}

}  // namespace penstock::metadata
