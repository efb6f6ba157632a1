#include "broker/metadata/metadata_node.h"

#include <utility>

#include <fmt/format.h>

#include "base/aio/cross_reactor.h"
#include "base/log.h"
#include "broker/metadata/batch_replay.h"
#include "broker/metadata/features.h"
#include "broker/metadata/refusals.h"
#include "broker/raft/snapshot.h"

namespace penstock::metadata {
namespace {

constexpr base::Logger log("metadata");
constexpr std::size_t kReadBytes = 4 << 20;

raft::RaftNodeOptions raft_options(const MetadataNodeOptions& options) {
  raft::RaftNodeOptions raft;
  raft.reactor = options.reactor;
  raft.disk = options.disk;
  raft.random = options.random;
  raft.directory = options.log_directory + "/__cluster_metadata-0";
  raft.core.self = {options.node, options.directory_id};
  raft.core.election_timeout = base::milliseconds(options.config->quorum_election_timeout_ms());
  raft.core.election_backoff_max = base::milliseconds(options.config->quorum_election_backoff_max_ms());
  raft.core.fetch_timeout = base::milliseconds(options.config->quorum_fetch_timeout_ms());
  raft.core.change_timeout = base::milliseconds(options.config->quorum_request_timeout_ms());
  raft.core.is_joining = options.is_controller && options.config->quorum_auto_join();
  raft.segment_bytes = options.config->log_segment_bytes();
  raft.segment_ms = options.config->log_segment_ms();
  raft.retention = {.bytes = options.config->retention_bytes(), .ms = options.config->retention_ms()};
  return raft;
}

ControllerOptions controller_options(const MetadataNodeOptions& options,
                                     std::function<QuorumStanding()> quorum) {
  ControllerOptions controller;
  controller.self = options.node;
  controller.cluster_id = options.cluster_id;
  controller.session_timeout = base::milliseconds(options.config->session_timeout_ms());
  controller.default_partitions = options.config->num_partitions();
  controller.default_replication_factor =
      static_cast<std::int16_t>(options.config->default_replication_factor());
  controller.is_topic_deletion_enabled = options.is_topic_deletion_enabled;
  if (options.config->auto_leader_rebalance()) {
    controller.leader_balance_interval = base::seconds(options.config->leader_imbalance_check_seconds());
  }
  controller.unclean_election_interval = base::milliseconds(options.config->unclean_election_interval_ms());
  controller.stop_wait_max = base::milliseconds(options.config->stop_wait_max_ms());
  controller.quorum = std::move(quorum);
  controller.configs = options.configs;
  return controller;
}

}  // namespace

MetadataNode::MetadataNode(MetadataNodeOptions options)
    : options_(std::move(options)),
      incarnation_id_(base::Uuid::random(*options_.random)),
      snapshot_schedule_(options_.config->snapshot_record_bytes(),
                         base::milliseconds(options_.config->snapshot_interval_ms())),
      controller_(controller_options(options_, [this] { return quorum_standing(); }), *options_.random) {}

MetadataNode::~MetadataNode() = default;

base::Result<std::unique_ptr<MetadataNode>> MetadataNode::open(MetadataNodeOptions options) {
  std::unique_ptr<MetadataNode> node(new MetadataNode(std::move(options)));
  TRY(node->load());
  return node;
}

base::Result<> MetadataNode::load() {
  TRY(load_bootstrap());
  TRY(open_raft());
  if (const auto& snapshot = raft_->snapshot()) {
    raft::QuorumRecords quorum;
    const auto replay = [this](const kafka::RecordBatchView& batch) {
      return replay_batch(batch, committed_);
    };
    TRY(raft::read_snapshot(*options_.disk, raft_->snapshot_path(), quorum, replay));
    next_to_replay_ = snapshot->offset;
    committed_.set_position(snapshot->offset - 1, snapshot->epoch);
    TRY(check_features(committed_.image()));
  }
  return {};
}

base::Result<> MetadataNode::open_raft() {
  if (!options_.config->quorum_voters().empty()) {
    return base::fail(
        base::Errc::kUnsupported,
        "config controller.quorum.voters: a static quorum (kraft.version=0) is not supported; use "
        "controller.quorum.bootstrap.servers");
  }
  raft::QuorumChannelOptions channel;
  channel.reactor = options_.reactor;
  channel.transport = options_.transport;
  channel.bootstrap = options_.bootstrap;
  channel.is_death_told = options_.config->fast_failover();
  channel.request_timeout = base::milliseconds(options_.config->quorum_request_timeout_ms());
  channel.identity.cluster_id = options_.cluster_id;
  const auto& names = options_.config->controller_listener_names();
  channel.identity.listener_name = names.empty() ? "" : names.front();
  for (const Endpoint& at : options_.controller_listeners) {
    channel.identity.endpoints.push_back({at.name, at.host, at.port});
  }
  raft::RaftNodeOptions raft = raft_options(options_);
  raft.core.endpoints = channel.identity.endpoints;
  channel_ = std::make_unique<raft::QuorumChannel>(std::move(channel));
  if (options_.transport != nullptr) raft.peers = channel_.get();
  TRY_ASSIGN(raft_, raft::RaftNode::open(std::move(raft)));
  channel_->attach(*raft_);
  quorum_ = std::make_unique<raft::QuorumService>(*options_.reactor, *raft_, *channel_);
  if (raft_->voters().empty() && options_.bootstrap.empty()) {
    return base::fail(
        base::Errc::kUnsupported,
        fmt::format("{}: the quorum has no voters that this node knows; format with --standalone or "
                    "--initial-controllers, or set controller.quorum.bootstrap.servers",
                    options_.log_directory));
  }
  ControllerRouterOptions router;
  router.reactor = options_.reactor;
  router.transport = options_.transport;
  router.self = options_.node;
  router.local = this;
  router.leader = [this] { return raft_->leader(); };
  router.where_is = [this](kafka::NodeId node) -> std::optional<kafka::Endpoint> {
    const auto at = channel_->find(node);
    if (!at) return std::nullopt;
    return kafka::Endpoint{at->host, at->port};
  };
  router.heartbeat_timeout = base::milliseconds(options_.config->session_timeout_ms()) / 2;
  router_ = std::make_unique<ControllerRouter>(std::move(router));
  if (options_.is_controller) {
    registrar_ = std::make_unique<ControllerRegistrar>(*options_.reactor, *router_, own_registration());
    watch_ = make_watch();
  }
  return {};
}

base::Result<> MetadataNode::load_bootstrap() {
  const std::string path = options_.log_directory + "/bootstrap.checkpoint";
  if (options_.disk->exists(path)) {
    raft::QuorumRecords quorum;
    ImageBuilder builder;
    const auto collect = [&](Record record) -> base::Result<> {
      TRY(builder.replay(record));
      bootstrap_.push_back(std::move(record));
      return {};
    };
    const auto visit = [&](const kafka::RecordBatchView& batch) { return visit_records(batch, collect); };
    TRY(raft::read_snapshot(*options_.disk, path, quorum, visit));
    if (auto checked = check_features(builder.image()); !checked)
      return base::fail(checked.error().context(path));
  }
  if (bootstrap_.empty()) {
    kafka::FeatureLevelRecord level;
    level.name = kMetadataVersion;
    level.feature_level = kMetadataVersionLevel;
    bootstrap_.emplace_back(std::move(level));
  }
  return {};
}

base::Result<> MetadataNode::replay_log_until(kafka::Offset high_watermark) {
  while (next_to_replay_ < high_watermark) {
    TRY_ASSIGN(const auto bytes, raft_->read(next_to_replay_, kReadBytes));
    kafka::BatchCursor cursor(bytes);
    const kafka::Offset before = next_to_replay_;
    while (next_to_replay_ < high_watermark) {
      TRY_ASSIGN(const auto batch, cursor.next());
      if (!batch) break;
      if (batch->last_offset() < next_to_replay_) continue;
      TRY(replay_batch(*batch, committed_));
      next_to_replay_ = batch->next_offset();
      last_timestamp_ms_ = batch->max_timestamp();
      snapshot_schedule_.note(static_cast<std::int64_t>(batch->size_bytes()));
      committed_.set_position(batch->last_offset(), batch->leader_epoch());
    }
    if (next_to_replay_ == before) {
      return base::fail(base::Errc::kCorrupt,
                        fmt::format("the metadata log does not read on at offset {}", before));
    }
  }
  return {};
}

void MetadataNode::start() {
  snapshot_schedule_.restart(options_.reactor->now());
  raft_->start(*this);
}

aio::Task<> MetadataNode::stop() {
  options_.reactor->cancel(timer_);
  is_failed_ = true;
  controller_.deactivate();
  drop_pending();
  // Another voter takes over at once when this one says that it goes.
  raft_->resign();
  if (registrar_) co_await registrar_->stop();
  if (watch_) co_await watch_->stop();
  co_await router_->stop();
  co_await gate_.close();
  co_await channel_->stop();
  co_await raft_->stop();
}

void MetadataNode::follow_log(kafka::Offset high_watermark) {
  if (auto replayed = replay_log_until(high_watermark); !replayed) return fail(replayed.error());
  if (auto checked = check_features(committed_.image()); !checked) return fail(checked.error());
  publish(committed_.publish());
  if (registrar_ && !raft_->is_leader()) registrar_->on_image(*images_.current());
  write_snapshot_if_due();
}

void MetadataNode::on_high_watermark(kafka::Offset high_watermark) {
  if (is_failed_ || loading_) return;
  if (!controller_.is_active()) return follow_log(high_watermark);
  while (!pending_.empty() && pending_.front().last_offset < high_watermark) {
    Pending done = std::move(pending_.front());
    pending_.pop_front();
    next_to_replay_ = done.last_offset + 1;
    last_timestamp_ms_ = done.timestamp_ms;
    snapshot_schedule_.note(done.bytes);
    publish(std::move(done.update));
    for (auto& waiter : done.waiters) waiter.set(true);
  }
  write_snapshot_if_due();
}

void MetadataNode::on_active(kafka::LeaderEpoch epoch) {
  if (is_failed_) return;
  if (loading_) {
    activation_ = epoch;
  } else {
    activate(epoch);
  }
}

void MetadataNode::activate(kafka::LeaderEpoch epoch) {
  epoch_ = epoch;
  last_failover_.reset();
  controller_.activate(committed_, options_.reactor->now());
  log.info("active controller of epoch {} at offset {}", epoch, raft_->end_offset());
  aio::spawn(gate_, "controller activation", write_activation(epoch));
  // Who died with the last controller is known already.
  aio::spawn(gate_, "controller upkeep", do_due_work());
}

aio::Task<> MetadataNode::write_activation(kafka::LeaderEpoch epoch) {
  Records records = controller_.activation_records(bootstrap_);
  co_await commit(std::move(records));
  if (!controller_.is_active() || epoch != epoch_) co_return;
  Records registration = controller_.register_controller(registrar_->registration());
  co_await commit(std::move(registration));
}

kafka::ControllerRegistrationRequest MetadataNode::own_registration() const {
  kafka::ControllerRegistrationRequest request;
  request.controller_id = options_.node.value();
  request.incarnation_id = incarnation_id_;
  for (const auto& endpoint : options_.controller_listeners) {
    kafka::ControllerRegistrationRequest::Listener listener;
    listener.name = endpoint.name;
    listener.host = endpoint.host;
    listener.port = endpoint.port;
    listener.security_protocol = endpoint.security_protocol;
    request.listeners.push_back(std::move(listener));
  }
  for (const auto& range : supported_features()) {
    kafka::ControllerRegistrationRequest::Feature feature;
    feature.name = range.name;
    feature.min_supported_version = range.min_version;
    feature.max_supported_version = range.max_version;
    request.features.push_back(std::move(feature));
  }
  return request;
}

void MetadataNode::on_resigned(kafka::LeaderEpoch epoch) {
  log.info("no longer the controller of epoch {}", epoch);
  activation_.reset();
  controller_.deactivate();
  options_.reactor->cancel(timer_);
  // What was decided may be lost: go on from what is committed.
  const ImagePtr committed = images_.current();
  committed_ = ImageBuilder(*committed);
  next_to_replay_ = committed->last_offset() + 1;
  drop_pending();
}

void MetadataNode::on_leader_changed(kafka::NodeId leader, kafka::LeaderEpoch epoch) {
  if (leader == kafka::kNoNode) {
    log.info("no leader of the metadata quorum is known in epoch {}", epoch);
  } else {
    log.info("leader of the metadata quorum is node {} in epoch {}", leader, epoch);
  }
  router_->on_leader_changed();
}

void MetadataNode::on_failed(const base::Error& error) { fail(error); }

void MetadataNode::fail(const base::Error& error) {
  if (is_failed_.exchange(true)) return;
  log.error("the metadata log cannot go on: {}", error.what());
  controller_.deactivate();
  drop_pending();
  if (options_.on_fatal) options_.on_fatal(error);
}

void MetadataNode::drop_pending() {
  auto dropped = std::exchange(pending_, {});
  for (auto& pending : dropped) {
    for (auto& waiter : pending.waiters) waiter.set(false);
  }
}

void MetadataNode::arm_timer() {
  options_.reactor->cancel(timer_);
  timer_ = aio::TimerId::kNone;
  if (!controller_.is_active()) return;
  const base::MonoTime when = controller_.next_deadline();
  if (when == base::MonoTime::max()) return;
  timer_ = options_.reactor->call_at(when, [this] { aio::spawn(gate_, "controller upkeep", do_due_work()); });
}

aio::Task<> MetadataNode::do_due_work() {
  while (controller_.is_active()) {
    DueWork work = controller_.due_work(options_.reactor->now());
    if (work.records.empty()) break;
    if (!co_await carry_out(std::move(work))) co_return;
  }
  arm_timer();
}

}  // namespace penstock::metadata
