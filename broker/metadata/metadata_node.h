// This node's part in the cluster's metadata: its raft member, the controller while it leads, and the images
// that everybody reads.
//
// open() reads the disk and refuses what this program does not have; start() takes part; stop() ends it and
// answers every waiting request with NOT_CONTROLLER.
//
// Lifetime: outlives every request and subscription made through it.
// Threads: lives on the control reactor; requests come from any reactor (see ControllerApi), open() may run
// before the reactor does.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/aio/completion.h"
#include "base/aio/gate.h"
#include "base/disk.h"
#include "base/random.h"
#include "broker/metadata/broker_watch.h"
#include "broker/metadata/config.h"
#include "broker/metadata/config_view.h"
#include "broker/metadata/controller.h"
#include "broker/metadata/controller_api.h"
#include "broker/metadata/controller_registrar.h"
#include "broker/metadata/controller_router.h"
#include "broker/metadata/image_source.h"
#include "broker/metadata/snapshot_schedule.h"
#include "broker/raft/quorum_channel.h"
#include "broker/raft/quorum_service.h"
#include "broker/raft/raft_node.h"

namespace penstock::metadata {

struct MetadataNodeOptions {
  aio::Reactor* reactor = nullptr;
  base::Disk* disk = nullptr;
  base::Random* random = nullptr;
  const MetadataConfig* config = nullptr;
  const BrokerConfigView* configs = nullptr;
  kafka::NodeId node{};
  std::string log_directory;  // The data directory that holds __cluster_metadata-0 and bootstrap.checkpoint.
  std::string cluster_id;
  base::Uuid directory_id{};                     // Of log_directory.
  bool is_controller = true;                     // Has the controller role; else it only follows.
  std::vector<Endpoint> controller_listeners{};  // As advertised; none without the controller role.
  aio::Transport* transport = nullptr;           // To the other nodes; null: there are none.
  std::string inter_broker_listener{};           // Empty: each broker's first.
  std::vector<kafka::Endpoint> bootstrap{};      // controller.quorum.bootstrap.servers
  bool is_topic_deletion_enabled = true;         // delete.topic.enable
  // The metadata log cannot go on (disk, corruption, a feature that we lack): the program should end.
  std::function<void(const base::Error&)> on_fatal;
};

// How long the leaderships of a broker that was lost were without a leader.
struct LastFailover {
  kafka::NodeId broker{};
  std::int64_t ms = 0;
  std::int64_t at_wall_ms = 0;
};

class MetadataNode final : public ControllerApi, private raft::RaftListener {
 public:
  // ERRORS: kUnsupported (features, a static quorum), kCorrupt, kIo; kInvalidArgument (not formatted).
  static base::Result<std::unique_ptr<MetadataNode>> open(MetadataNodeOptions options);
  ~MetadataNode() override;

  void start();
  aio::Task<> stop();

  ImageSource& images() { return images_; }
  // The active controller, wherever it is.
  ControllerApi& controller() { return *router_; }
  // This node as a controller: NOT_CONTROLLER unless it is the active one.
  ControllerApi& local_controller() { return *this; }
  raft::QuorumService& quorum() { return *quorum_; }
  bool has_failed() const { return is_failed_; }  // Any thread.
  // So many of the voters refuse connections that the others are no majority: nothing is decided by now.
  bool is_quorum_gone() const;
  aio::Reactor& reactor() { return *options_.reactor; }
  // For DescribeQuorum and metrics. Threads: the control reactor.
  const raft::RaftNode& raft() const { return *raft_; }
  bool is_active_controller() const { return controller_.is_active(); }
  // Since this node became the active controller.
  const std::optional<LastFailover>& last_failover() const { return last_failover_; }

  // What the admin port asks of the active controller; nullopt when this node is not. Of a controller that
  // was followed by another and does not know it yet, a grant is worth nothing: see stop_reservation.h.
  // Threads: the control reactor.
  std::optional<StopReservation::Answer> reserve_stop(kafka::NodeId broker, std::string holder);
  std::optional<bool> release_stop(kafka::NodeId broker);
  // Answers when the broker's fencing is committed.
  aio::Task<std::optional<DeadBroker>> fence_dead(kafka::NodeId broker, kafka::BrokerEpoch epoch);

#define PENSTOCK_CONTROLLER_CALL(method, Message, decision) \
  aio::Task<kafka::Message##Response> method(aio::Reactor& home, kafka::Message##Request request) override;
  PENSTOCK_CONTROLLER_CALLS(PENSTOCK_CONTROLLER_CALL)
  PENSTOCK_CONTROLLER_CALL(register_controller, ControllerRegistration, )
  PENSTOCK_QUORUM_CALLS(PENSTOCK_CONTROLLER_CALL)
#undef PENSTOCK_CONTROLLER_CALL

 private:
  // Decided and appended, not yet committed.
  struct Pending {
    kafka::Offset last_offset{};
    ImageUpdate update;
    std::int64_t timestamp_ms = 0;
    std::int64_t bytes = 0;  // Of its records.
    std::vector<aio::Completion<bool>> waiters{};
  };

  explicit MetadataNode(MetadataNodeOptions options);
  base::Result<> load();
  base::Result<> open_raft();
  base::Result<> load_bootstrap();
  aio::Task<> load_snapshots();
  aio::Task<bool> load_snapshot(raft::OffsetAndEpoch id);
  void follow_log(kafka::Offset high_watermark);
  void activate(kafka::LeaderEpoch epoch);
  base::Result<> replay_log_until(kafka::Offset high_watermark);

  void on_high_watermark(kafka::Offset high_watermark) override;
  void on_active(kafka::LeaderEpoch epoch) override;
  void on_resigned(kafka::LeaderEpoch epoch) override;
  void on_leader_changed(kafka::NodeId leader, kafka::LeaderEpoch epoch) override;
  void on_snapshot(const raft::OffsetAndEpoch& id) override;
  void on_failed(const base::Error& error) override;

  template <typename Request, typename Decide>
  aio::Task<typename Request::Response> run(Request request, Decide decide);
  // True once the records are committed; false when the leadership was lost first.
  aio::Task<bool> commit(Records records);
  aio::Completion<bool> begin_commit(Records records);
  // nullopt: not within that time.
  aio::Task<std::optional<bool>> commit_within(Records records, base::Duration time);
  aio::Task<> write_activation(kafka::LeaderEpoch epoch);
  aio::Task<> do_due_work();
  // False when the leadership was lost before it was committed.
  aio::Task<bool> carry_out(DueWork work);
  bool can_decide() const;
  std::unique_ptr<BrokerWatch> make_watch();
  void on_sign(kafka::NodeId broker, kafka::BrokerEpoch epoch, BrokerWatch::Sign sign);
  void publish(ImageUpdate update);
  QuorumStanding quorum_standing() const;
  kafka::ControllerRegistrationRequest own_registration() const;
  At at() const { return {options_.reactor->now(), raft_->end_offset()}; }
  void write_snapshot_if_due();
  aio::Task<> write_snapshot(ImagePtr image, std::int64_t last_timestamp_ms);
  void drop_pending();
  void arm_timer();
  void fail(const base::Error& error);

  const MetadataNodeOptions options_;
  const base::Uuid incarnation_id_;
  std::unique_ptr<raft::QuorumChannel> channel_;
  std::unique_ptr<raft::RaftNode> raft_;
  std::unique_ptr<raft::QuorumService> quorum_;
  std::unique_ptr<ControllerRouter> router_;
  std::unique_ptr<ControllerRegistrar> registrar_;  // Null without the controller role.
  std::unique_ptr<BrokerWatch> watch_;              // The same; null too when it is switched off.
  Records bootstrap_;
  ImageBuilder committed_;  // Follows the log while another node leads.
  kafka::Offset next_to_replay_{0};
  std::int64_t last_timestamp_ms_ = 0;  // Of the newest batch that is published.
  SnapshotSchedule snapshot_schedule_;
  bool is_writing_snapshot_ = false;
  // Set while the state is loaded from this snapshot; the log is not followed meanwhile.
  std::optional<raft::OffsetAndEpoch> loading_{};
  std::optional<kafka::LeaderEpoch> activation_{};  // Waits for that.
  Controller controller_;
  kafka::LeaderEpoch epoch_{0};  // Of our leadership.
  std::deque<Pending> pending_;  // At most kPendingMax.
  ImageSource images_;
  aio::TimerId timer_ = aio::TimerId::kNone;
  std::optional<LastFailover> last_failover_;
  std::atomic<bool> is_failed_ = false;
  aio::Gate gate_;
};

}  // namespace penstock::metadata
