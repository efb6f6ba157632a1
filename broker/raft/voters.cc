#include "broker/raft/voters.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "broker/raft/control_record.h"
#include "kafka/codec.h"
#include "kafka/compression.h"
#include "kafka/messages/kraft_version_record.h"
#include "kafka/messages/leader_change_message.h"
#include "kafka/messages/voters_record.h"
#include "kafka/record_batch_builder.h"

namespace penstock::raft {
namespace {

template <typename Int>
bool parse_number(std::string_view text, Int& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && end == text.data() + text.size();
}

base::Result<Voter> parse_voter(std::string_view text, std::string_view listener_name) {
  const auto bad = [&](std::string_view why) {
    return base::fail(base::Errc::kInvalidArgument,
                      fmt::format("voter '{}': {}; expected id@host:port:directory", text, why));
  };
  const auto at = text.find('@');
  const auto directory_at = text.rfind(':');
  if (at == std::string_view::npos || directory_at == std::string_view::npos || directory_at < at) {
    return bad("a part is missing");
  }
  const auto port_at = text.rfind(':', directory_at - 1);
  if (port_at == std::string_view::npos || port_at < at) return bad("no port");
  Voter voter;
  std::int32_t id = -1;
  if (!parse_number(text.substr(0, at), id) || id < 0) return bad("bad node id");
  voter.key.id = NodeId(id);
  std::uint16_t port = 0;
  if (!parse_number(text.substr(port_at + 1, directory_at - port_at - 1), port)) return bad("bad port");
  const auto directory = base::Uuid::parse(text.substr(directory_at + 1));
  if (!directory) return bad("bad directory id");
  voter.key.directory = *directory;
  std::string_view host = text.substr(at + 1, port_at - at - 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) return bad("no host");
  voter.endpoints = {{std::string(listener_name), std::string(host), port}};
  return voter;
}

}  // namespace

base::Bytes encode_voters(const VoterSet& voters) {
  kafka::VotersRecord record;
  for (const Voter& voter : voters) {
    kafka::VotersRecord::Voter entry;
    entry.voter_id = voter.key.id.value();
    entry.voter_directory_id = voter.key.directory;
    for (const Endpoint& endpoint : voter.endpoints) {
      kafka::VotersRecord::Endpoint at;
      at.name = endpoint.name;
      at.host = endpoint.host;
      at.port = endpoint.port;
      entry.endpoints.push_back(std::move(at));
    }
    entry.kraft_version_feature.min_supported_version = voter.kraft_version_min;
    entry.kraft_version_feature.max_supported_version = voter.kraft_version_max;
    record.voters.push_back(std::move(entry));
  }
  return encode_control(record);
}

base::Result<VoterSet> decode_voters(base::ByteSpan value) {
  base::ByteReader reader(value);
  TRY_ASSIGN(const auto record, kafka::decode<kafka::VotersRecord>(reader, 0));
  VoterSet voters;
  for (const auto& entry : record.voters) {
    Voter voter;
    voter.key = {NodeId(entry.voter_id), entry.voter_directory_id};
    for (const auto& at : entry.endpoints) voter.endpoints.push_back({at.name, at.host, at.port});
    voter.kraft_version_min = entry.kraft_version_feature.min_supported_version;
    voter.kraft_version_max = entry.kraft_version_feature.max_supported_version;
    voters.push_back(std::move(voter));
  }
  std::ranges::sort(voters, {}, [](const Voter& voter) { return voter.key.id; });
  return voters;
}

base::Bytes encode_kraft_version(std::int16_t version) {
  kafka::KRaftVersionRecord record;
  record.kraft_version = version;
  return encode_control(record);
}

base::Result<std::int16_t> decode_kraft_version(base::ByteSpan value) {
  base::ByteReader reader(value);
  TRY_ASSIGN(const auto record, kafka::decode<kafka::KRaftVersionRecord>(reader, 0));
  return record.kraft_version;
}

base::Result<VoterSet> parse_voters(std::string_view text, std::string_view listener_name) {
  VoterSet voters;
  while (!text.empty()) {
    const auto comma = text.find(',');
    TRY_ASSIGN(auto voter, parse_voter(text.substr(0, comma), listener_name));
    voters.push_back(std::move(voter));
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  if (voters.empty()) return base::fail(base::Errc::kInvalidArgument, "the list of voters is empty");
  std::ranges::sort(voters, {}, [](const Voter& voter) { return voter.key.id; });
  const auto twice = std::ranges::adjacent_find(voters, {}, [](const Voter& voter) { return voter.key.id; });
  if (twice != voters.end()) {
    return base::fail(base::Errc::kInvalidArgument, fmt::format("voter {} is named twice", twice->key.id));
  }
  return voters;
}

base::Result<base::Bytes> start_of_epoch_batch(const StartOfEpoch& start, const VoterSet& voters) {
  kafka::LeaderChangeMessage message;
  message.leader_id = start.leader.value();
  for (const Voter& voter : voters) {
    kafka::LeaderChangeMessage::Voter entry;
    entry.voter_id = voter.key.id.value();
    message.voters.push_back(entry);
  }
  for (const NodeId id : start.granting) {
    kafka::LeaderChangeMessage::Voter entry;
    entry.voter_id = id.value();
    message.granting_voters.push_back(entry);
  }
  kafka::RecordBatchOptions options;
  options.base_offset = start.base_offset;
  options.leader_epoch = start.epoch;
  options.is_control = true;
  kafka::RecordBatchBuilder builder(options);
  builder.append_control(start.now_ms, kafka::ControlType::kLeaderChange, encode_control(message));
  if (start.with_voters) {
    builder.append_control(start.now_ms, kafka::ControlType::kKraftVersion,
                           encode_kraft_version(kKraftVersion));
    builder.append_control(start.now_ms, kafka::ControlType::kKraftVoters, encode_voters(voters));
  }
  return builder.build();
}

base::Result<base::Bytes> voters_batch(const BatchPlace& place, const VoterSet& voters) {
  kafka::RecordBatchOptions options;
  options.base_offset = place.base_offset;
  options.leader_epoch = place.epoch;
  options.is_control = true;
  kafka::RecordBatchBuilder builder(options);
  builder.append_control(place.now_ms, kafka::ControlType::kKraftVoters, encode_voters(voters));
  return builder.build();
}

std::string to_text(const VoterSet& voters) {
  std::string text;
  for (const Voter& voter : voters) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} ({})", voter.key.id, voter.key.directory.to_string());
  }
  return text;
}

base::Result<> absorb_control_batch(const kafka::RecordBatchView& batch, QuorumRecords& into) {
  if (!batch.is_control()) return {};
  kafka::Decompressor decompressor;
  TRY_ASSIGN(const auto bytes, batch.records(decompressor, 1 << 20));
  kafka::RecordCursor cursor(batch, bytes);
  kafka::Record record;
  while (cursor.next(record)) {
    const auto type = kafka::control_type(record);
    if (!type || !record.value) continue;
    if (*type == kafka::ControlType::kKraftVersion) {
      TRY_ASSIGN(into.kraft_version, decode_kraft_version(*record.value));
      if (into.kraft_version > kKraftVersion) {
        return base::fail(base::Errc::kUnsupported,
                          fmt::format("the log finalizes kraft.version={}, this program has 0 to {}",
                                      into.kraft_version, kKraftVersion));
      }
    } else if (*type == kafka::ControlType::kKraftVoters) {
      TRY_ASSIGN(into.voters, decode_voters(*record.value));
    }
  }
  if (cursor.failed()) return base::fail(base::Errc::kCorrupt, cursor.failure());
  return {};
}

}  // namespace penstock::raft
