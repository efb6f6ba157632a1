// A group of the classic protocol: its members, its leader, its generation, and the rules that need nothing
// but them. Timers, records and answers are GroupShard's.
//
// Source: Kafka's ClassicGroup and ClassicGroupMember.
// Lifetime: owned by GroupShard. Threads: one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/strong_id.h"
#include "kafka/error_codes.h"

namespace penstock::coordinator {

// A request that waits for its answer.
using RequestId = base::StrongId<struct GroupRequestIdTag, std::uint64_t>;

enum class GroupState : std::uint8_t { kEmpty, kPreparingRebalance, kCompletingRebalance, kStable };
// As Kafka writes it: "PreparingRebalance".
std::string_view group_state_name(GroupState state);

struct GroupProtocol {
  std::string name;
  base::Bytes metadata;
  friend bool operator==(const GroupProtocol&, const GroupProtocol&) = default;
};

struct GroupMember {
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::string client_id;
  std::string client_host;
  std::int32_t rebalance_timeout_ms = 0;
  std::int32_t session_timeout_ms = 0;
  std::vector<GroupProtocol> protocols;  // In the member's order of preference.
  base::Bytes assignment;
  bool is_new = false;  // Has not yet had an answer to its first JoinGroup.
  std::optional<RequestId> awaiting_join;
  std::optional<RequestId> awaiting_sync;

  bool is_static() const { return group_instance_id.has_value(); }
  // Nobody expects heartbeats from a member while it waits for us.
  bool has_satisfied_heartbeat() const { return !is_new && (awaiting_join || awaiting_sync); }
  // The metadata for a protocol; empty if the member does not have it.
  base::ByteSpan metadata_of(std::string_view protocol) const;
};

class ClassicGroup {
 public:
  ClassicGroup(std::string group_id, std::int64_t state_timestamp_ms)
      : group_id_(std::move(group_id)), state_timestamp_ms_(state_timestamp_ms) {}

  // What is loaded or stored.
  const std::string& group_id() const { return group_id_; }
  GroupState state() const { return state_; }
  GroupState previous_state() const { return previous_state_; }
  bool is(GroupState state) const { return state_ == state; }
  std::int32_t generation() const { return generation_; }
  const std::optional<std::string>& protocol_type() const { return protocol_type_; }
  const std::optional<std::string>& protocol_name() const { return protocol_name_; }
  const std::optional<std::string>& leader() const { return leader_; }
  bool is_leader(std::string_view member_id) const { return leader_ && *leader_ == member_id; }
  std::int64_t state_timestamp_ms() const { return state_timestamp_ms_; }  // -1: unknown.
  void restore(GroupState state, std::int32_t generation, std::optional<std::string> protocol_type,
               std::optional<std::string> protocol_name, std::optional<std::string> leader,
               std::int64_t state_timestamp_ms);

  const std::map<std::string, GroupMember, std::less<>>& members() const { return members_; }
  std::map<std::string, GroupMember, std::less<>>& members() { return members_; }
  GroupMember* member(std::string_view member_id);
  bool has_member(std::string_view member_id) const { return members_.contains(member_id); }
  // nullptr when no member has the instance id.
  const std::string* static_member_id(const std::string& instance_id) const;
  std::size_t awaiting_join_count() const { return awaiting_join_count_; }
  bool has_all_members_joined() const {
    return members_.size() == awaiting_join_count_ && pending_members.empty();
  }
  // The longest of the members'.
  std::int32_t rebalance_timeout_ms() const;

  // REQUIRES: supports_protocols(protocol_type, its protocols), and a free instance id.
  GroupMember& add(GroupMember member, std::string protocol_type);
  // The member's waiting requests must have been answered. Also forgets it as pending.
  void remove(std::string_view member_id);
  void set_protocols(GroupMember& member, std::vector<GroupProtocol> protocols);
  void set_awaiting_join(GroupMember& member, std::optional<RequestId> request);
  // Gives the member of `instance_id` a new member id and keeps the rest. REQUIRES: nothing awaited.
  GroupMember& replace_static_member(const std::string& instance_id, const std::string& old_member_id,
                                     const std::string& new_member_id);
  // A leader that did not rejoin is replaced by one that did. False when there is none.
  bool elect_joined_leader();

  bool supports_protocols(std::string_view protocol_type, const std::vector<GroupProtocol>& protocols) const;
  // The common protocol with the most votes. REQUIRES: members.
  std::string select_protocol() const;
  kafka::ErrorCode validate_member(std::string_view member_id,
                                   const std::optional<std::string>& instance_id) const;
  kafka::ErrorCode validate_offset_commit(std::string_view member_id,
                                          const std::optional<std::string>& instance_id,
                                          std::int32_t generation) const;

  void transition_to(GroupState state, std::int64_t now_wall_ms);
  // To kCompletingRebalance, or to kEmpty when no member is left.
  void begin_next_generation(std::int64_t now_wall_ms);

  bool uses_consumer_protocol() const { return protocol_type_ && *protocol_type_ == "consumer"; }
  // nullopt: not known.
  const std::optional<std::set<std::string>>& subscribed() const { return subscribed_; }
  bool is_subscribed_to(const std::string& topic) const;
  void recompute_subscribed();

  // Soft state of a running rebalance.
  std::set<std::string, std::less<>> pending_members;       // Got a member id, have not joined with it.
  std::set<std::string, std::less<>> pending_sync_members;  // Have not sent SyncGroup.
  std::optional<std::int32_t> storing_generation;           // The last one whose assignment was written.
  bool is_new_member_added = false;  // During the initial delay, which is then extended.
  bool is_initial_delay = false;
  std::int64_t initial_delay_ms = 0;
  std::int64_t initial_remaining_ms = 0;

 private:
  void count_protocols(const GroupMember& member, int by);

  std::string group_id_;
  GroupState state_ = GroupState::kEmpty;
  GroupState previous_state_ = GroupState::kEmpty;
  std::int64_t state_timestamp_ms_;
  std::int32_t generation_ = 0;
  std::optional<std::string> protocol_type_;
  std::optional<std::string> protocol_name_;
  std::optional<std::string> leader_;
  std::map<std::string, GroupMember, std::less<>> members_;
  std::map<std::string, std::string> static_members_;                    // Instance id to member id.
  std::map<std::string, std::size_t, std::less<>> supported_protocols_;  // To the number of members.
  std::size_t awaiting_join_count_ = 0;
  std::optional<std::set<std::string>> subscribed_;
};

}  // namespace penstock::coordinator
