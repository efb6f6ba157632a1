#include "broker/replication/replica_fetcher.h"

#include <utility>

#include <fmt/format.h>

#include "base/log.h"

namespace penstock::replication {

namespace {

constexpr base::Logger log("replication");

// A fetch whose answer has not come by then waits at the leader for records.
constexpr base::Duration kInterruptAfter = base::milliseconds(20);
constexpr base::Duration kConnectWait = base::seconds(2);

}  // namespace

ReplicaFetcher::ReplicaFetcher(Parts parts) : parts_(parts), state_(parts.set, parts.options) {}

void ReplicaFetcher::start() { aio::spawn(parts_.gate, "replica fetcher", run(shared_from_this())); }

void ReplicaFetcher::stop() {
  is_stopped_ = true;
  disconnect(base::Errc::kShuttingDown, "the follower stops fetching");
  wake();
}

void ReplicaFetcher::wake() {
  if (waiter_) reactor().post([done = *waiter_] { done.set(true); });
}

void ReplicaFetcher::add(const PartitionKey& key, std::string topic, kafka::LeaderEpoch epoch) {
  if (!state_.add(key, std::move(topic), epoch)) return;
  if (is_in_flight_) interrupt_soon();
  wake();
}

void ReplicaFetcher::interrupt_soon() {
  reactor().call_after(kInterruptAfter, [weak = weak_from_this(), request = requests_] {
    const auto self = weak.lock();
    if (!self || !self->is_in_flight_ || self->requests_ != request) return;
    self->is_interrupted_ = true;
    self->disconnect(base::Errc::kCancelled, "other partitions are to be fetched");
  });
}

void ReplicaFetcher::disconnect(base::Errc code, const char* why) {
  if (const auto connection = std::exchange(connection_, nullptr)) connection->close(base::Error(code, why));
}

std::optional<kafka::Endpoint> ReplicaFetcher::endpoint() const {
  const PeersPtr& peers = parts_.set.peers();
  const Peer* peer = peers == nullptr ? nullptr : peers->find(parts_.leader);
  if (peer == nullptr || peer->host.empty()) return std::nullopt;
  return kafka::Endpoint{.host = peer->host, .port = peer->port};
}

kafka::BrokerEpoch ReplicaFetcher::self_epoch() const {
  const PeersPtr& peers = parts_.set.peers();
  return peers == nullptr ? kafka::kNoBrokerEpoch : peers->self_epoch;
}

aio::Task<> ReplicaFetcher::run(std::shared_ptr<ReplicaFetcher> self) {
  while (!self->is_stopped_) {
    const base::MonoTime now = self->reactor().now();
    const bool is_known = self->self_epoch() != kafka::kNoBrokerEpoch && self->endpoint();
    const base::MonoTime due = is_known ? self->state_.due(now) : base::MonoTime::max();
    if (due > now) {
      co_await self->wait_until(due);
    } else if (self->state_.has_lookups()) {
      co_await self->look_up();
    } else if (auto request = self->state_.make_request(self->self_epoch(), now)) {
      co_await self->fetch(std::move(*request));
    } else {
      co_await self->wait_until(now + base::milliseconds(1));
    }
  }
  self->disconnect(base::Errc::kShuttingDown, "the follower stops fetching");
}

aio::Task<> ReplicaFetcher::wait_until(base::MonoTime due) {
  const aio::Completion<bool> woken;
  waiter_ = woken;
  aio::TimerId timer = aio::TimerId::kNone;
  if (due != base::MonoTime::max()) timer = reactor().call_at(due, [woken] { woken.set(true); });
  co_await woken.wait();
  reactor().cancel(timer);
  waiter_.reset();
}

aio::Task<std::shared_ptr<kafka::Connection>> ReplicaFetcher::connect() {
  const auto where = endpoint();
  if (connection_ && connection_->is_open() && where && connection_->endpoint() == *where) {
    co_return connection_;
  }
  disconnect(base::Errc::kUnavailable, "the leader listens elsewhere");
  if (!where) co_return nullptr;
  kafka::ConnectionOptions options;
  options.client_id = fmt::format("broker-{}-fetcher", parts_.options.self);
  auto opened = co_await kafka::Connection::open(reactor(), parts_.transport, parts_.gate, *where, options,
                                                 reactor().now() + kConnectWait);
  if (!opened) {
    log.debug("no connection to broker {}: {}", parts_.leader, opened.error().what());
    co_return nullptr;
  }
  if (is_stopped_) {
    (*opened)->close(base::Error(base::Errc::kShuttingDown, "the follower stops fetching"));
    co_return nullptr;
  }
  connection_ = *opened;
  co_return connection_;
}

aio::Task<> ReplicaFetcher::fetch(kafka::FetchRequest request) {
  const auto connection = co_await connect();
  if (!connection) {
    state_.on_no_response(reactor().now(), true);
    co_return;
  }
  ++requests_;
  is_in_flight_ = true;
  is_interrupted_ = false;
  const base::MonoTime deadline =
      reactor().now() + base::milliseconds(parts_.options.wait_max_ms) + parts_.answer_wait;
  const auto response = co_await connection->call(std::move(request), deadline);
  is_in_flight_ = false;
  if (is_stopped_) co_return;
  if (response) {
    state_.on_response(*response, reactor().now(), reactor().wall_ms());
    co_return;
  }
  if (!is_interrupted_) log.info("fetching from broker {}: {}", parts_.leader, response.error().what());
  disconnect(base::Errc::kUnavailable, "a fetch failed");
  state_.on_no_response(reactor().now(), !is_interrupted_);
}

aio::Task<std::optional<kafka::ListOffsetsResponse>> ReplicaFetcher::ask_offsets(
    kafka::Connection& connection, std::int64_t timestamp) {
  auto response =
      co_await connection.call(state_.make_lookup(timestamp), reactor().now() + parts_.answer_wait);
  if (!response) co_return std::nullopt;
  co_return std::move(*response);
}

aio::Task<> ReplicaFetcher::look_up() {
  std::optional<kafka::ListOffsetsResponse> earliest;
  std::optional<kafka::ListOffsetsResponse> latest;
  if (const auto connection = co_await connect()) {
    earliest = co_await ask_offsets(*connection, kEarliestTimestamp);
    if (earliest) latest = co_await ask_offsets(*connection, kLatestTimestamp);
  }
  if (!is_stopped_) state_.on_lookups(earliest, latest, reactor().now());
}

}  // namespace penstock::replication
