// The log of a core in memory, with its snapshots.
//
// Threads: one.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "broker/raft/raft_log.h"

namespace penstock::raft {

struct Entry {
  LeaderEpoch epoch;
  std::uint64_t payload;
  bool operator==(const Entry&) const = default;
};

// The voters that a record says, by its payload.
class Ballots {
 public:
  static constexpr std::uint64_t kFirst = 1ULL << 40;
  std::uint64_t add(VoterSet voters) {
    sets_.push_back(std::move(voters));
    return kFirst + sets_.size() - 1;
  }
  const VoterSet* find(std::uint64_t payload) const {
    return payload >= kFirst ? &sets_[payload - kFirst] : nullptr;
  }

 private:
  std::deque<VoterSet> sets_;
};

// One record per batch, so that offsets are indexes. What lies before `start` is there for the checks alone.
class MemoryLog final : public RaftLog {
 public:
  using Entries = std::vector<Entry>;

  Offset start_offset() const override { return Offset(start); }
  Offset end_offset() const override { return Offset(std::ssize(entries)); }
  LeaderEpoch last_epoch() const override { return entries.empty() ? LeaderEpoch(0) : entries.back().epoch; }
  const VoterSet& voters() const override {
    const Offset at = voters_offset();
    return at < Offset(0) ? voter_set : *ballots->find(entries[static_cast<std::size_t>(at.value())].payload);
  }
  Offset voters_offset() const override {
    for (std::size_t i = entries.size(); ballots != nullptr && i > 0; --i) {
      if (ballots->find(entries[i - 1].payload) != nullptr) return Offset(static_cast<std::int64_t>(i - 1));
    }
    return kafka::kNoOffset;
  }
  std::int16_t kraft_version() const override { return 1; }
  OffsetAndEpoch end_of(LeaderEpoch epoch) const override {
    std::int64_t end = std::ssize(entries);
    while (end > start && at(end - 1).epoch > epoch) --end;
    if (end == start) return earliest_snapshot().value_or(OffsetAndEpoch{});
    return {Offset(end), at(end - 1).epoch};
  }
  base::Result<> append(base::ByteSpan bytes) override {
    const Entries more = decode(bytes);
    entries.insert(entries.end(), more.begin(), more.end());
    return {};
  }
  base::Result<base::Bytes> read(Offset from, std::size_t /*bytes_max*/) override {
    EXPECT_GE(from.value(), start) << "what is gone is read";
    const auto first = entries.begin() + from.value();
    return encode(first, first + std::min<std::ptrdiff_t>(5, entries.end() - first));
  }
  base::Result<> truncate_to(Offset end) override {
    EXPECT_GE(end.value(), start) << "what is in the snapshot is cut";
    entries.resize(static_cast<std::size_t>(end.value()));
    ++cuts;
    return {};
  }
  FlushWork begin_flush() override {
    return {end_offset(), [] { return base::Result<>(); }};
  }
  Offset finish_flush(const base::Result<>& /*outcome*/) override { return end_offset(); }

  std::optional<OffsetAndEpoch> earliest_snapshot() const override {
    return snapshots.empty() ? std::nullopt : std::optional(snapshots.begin()->first);
  }
  std::optional<OffsetAndEpoch> latest_snapshot() const override {
    return snapshots.empty() ? std::nullopt : std::optional(snapshots.rbegin()->first);
  }
  std::optional<std::int64_t> snapshot_bytes(const OffsetAndEpoch& id) const override {
    const auto found = snapshots.find(id);
    return found == snapshots.end() ? std::nullopt : std::optional(std::ssize(found->second));
  }
  base::Result<> start_at(const OffsetAndEpoch& id) override {
    entries = decode(snapshots.at(id));
    start = id.offset.value();
    ++cuts;
    drop_snapshots_before_start();
    return {};
  }
  // Of what is committed below `end`.
  void make_snapshot(std::int64_t end) {
    if (end <= start || end > std::ssize(entries)) return;
    snapshots[{Offset(end), at(end - 1).epoch}] = encode(entries.begin(), entries.begin() + end);
  }
  // The oldest snapshot but one becomes the oldest.
  void clean() {
    if (snapshots.size() < 2) return;
    start = std::next(snapshots.begin())->first.offset.value();
    drop_snapshots_before_start();
  }
  void recover(std::size_t synced) {
    entries.resize(std::min(synced, entries.size()));
    if (snapshots.empty() || snapshots.rbegin()->first.offset.value() <= std::ssize(entries)) return;
    EXPECT_TRUE(start_at(snapshots.rbegin()->first).has_value());
  }

  Entries entries;
  std::int64_t start = 0;
  std::map<OffsetAndEpoch, base::Bytes> snapshots;  // Each the entries before it.
  VoterSet voter_set;                               // Before the log says others.
  const Ballots* ballots = nullptr;
  int cuts = 0;

 private:
  const Entry& at(std::int64_t index) const { return entries[static_cast<std::size_t>(index)]; }
  void drop_snapshots_before_start() {
    std::erase_if(snapshots, [&](const auto& entry) { return entry.first.offset.value() < start; });
  }
  static base::Bytes encode(Entries::const_iterator from, Entries::const_iterator to) {
    base::ByteWriter writer;
    for (; from != to; ++from) {
      writer.write_int32(from->epoch.value());
      writer.write_int64(static_cast<std::int64_t>(from->payload));
    }
    return writer.take();
  }
  static Entries decode(base::ByteSpan bytes) {
    Entries decoded;
    base::ByteReader reader(bytes);
    while (reader.remaining() > 0) {
      const LeaderEpoch epoch(reader.read_int32());
      decoded.push_back({epoch, static_cast<std::uint64_t>(reader.read_int64())});
    }
    return decoded;
  }
};

}  // namespace penstock::raft
