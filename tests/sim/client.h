// Clients of a simulated cluster, over kafka/client's Connection: a way to call any broker, an idempotent
// producer, and a reader that looks at every record. What they are told goes to the History.
//
// Threads: the client's reactor. Lifetime: never freed, as their coroutines run until the program ends.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/aio/gate.h"
#include "kafka/client/connection.h"
#include "kafka/messages/fetch_request.h"
#include "kafka/messages/fetch_response.h"
#include "kafka/messages/produce_request.h"
#include "kafka/messages/produce_response.h"
#include "tests/sim/history.h"
#include "tests/sim/network.h"

namespace penstock::sim {

class Client {
 public:
  Client(SimNetwork& network, std::string name, int brokers);

  aio::SimReactor& reactor() { return reactor_; }
  base::Random& random() { return network_.scheduler().random(); }
  int any_broker() { return 1 + static_cast<int>(random().below(static_cast<std::uint64_t>(brokers_))); }

  // The connection is given up after an error. ERRORS: those of Connection.
  template <typename Request>
  aio::Task<base::Result<typename Request::Response>> call(int broker, Request request) {
    const base::MonoTime deadline = reactor_.now() + kPatience;
    auto connection = co_await connection_to(broker, deadline);
    if (!connection) co_return base::fail(connection.error());
    auto answer = co_await (*connection)->call(std::move(request), deadline);
    if (!answer) give_up(broker, **connection, answer.error());
    co_return answer;
  }

  // Asks some broker who leads the partitions of the topic.
  aio::Task<> refresh(std::string topic);
  // 0: unknown.
  int leader_of(int partition) const;
  const base::Uuid& topic_id() const { return topic_id_; }
  aio::Task<> pause(base::Duration at_most);
  // Asks until it is there.
  aio::Task<> create_topic(std::string topic, int partitions, int replicas,
                           std::map<std::string, std::string> configs);

 private:
  static constexpr auto kPatience = base::seconds(2);
  aio::Task<base::Result<std::shared_ptr<kafka::Connection>>> connection_to(int broker,
                                                                            base::MonoTime deadline);
  void give_up(int broker, kafka::Connection& connection, const base::Error& reason);

  SimNetwork& network_;
  const int brokers_;
  aio::SimReactor reactor_;
  std::unique_ptr<aio::Transport> transport_;
  aio::Gate gate_;
  std::map<int, std::shared_ptr<kafka::Connection>> connections_;
  std::map<int, int> leaders_;
  base::Uuid topic_id_;
};

// Values are `first_value`, `first_value` + 1, ... One batch at a time; each is sent until its fate is known.
class Producer {
 public:
  Producer(Client& client, History& history, std::string topic, int partitions, History::Value first_value)
      : client_(client),
        history_(history),
        topic_(std::move(topic)),
        partitions_(partitions),
        next_value_(first_value) {}

  void start();
  void stop() { is_stopping_ = true; }
  bool is_stopped() const { return is_stopped_; }
  std::uint64_t batches_acked() const { return batches_acked_; }
  // Sequences may be out of order after brokers lost data that they had acknowledged within their promises.
  void expect_lost_data() { may_lose_data_ = true; }

 private:
  static aio::Task<> run(Producer* self);
  aio::Task<bool> begin();
  aio::Task<> send_one();
  // Whether the fate of the batch is known.
  bool take_answer(int broker, int partition, const std::vector<History::Value>& values,
                   const kafka::ProduceResponse& response);

  Client& client_;
  History& history_;
  const std::string topic_;
  const int partitions_;
  History::Value next_value_;
  std::int64_t producer_id_ = -1;
  std::int16_t producer_epoch_ = -1;
  std::map<int, std::int32_t> sequences_;
  std::uint64_t batches_acked_ = 0;
  bool is_stopping_ = false;
  bool is_stopped_ = false;
  bool may_lose_data_ = false;
};

// Reads all partitions, round after round.
class Reader {
 public:
  Reader(Client& client, History& history, std::string topic, int partitions)
      : client_(client), history_(history), topic_(std::move(topic)), partitions_(partitions) {}

  void start();
  void stop() { is_stopping_ = true; }
  // Reads every partition from its start to its high watermark, once; is_done() afterwards.
  void start_final_read();
  bool is_done() const { return is_done_; }
  void rewind(int partition, std::int64_t offset);

 private:
  static aio::Task<> run(Reader* self);
  static aio::Task<> run_final(Reader* self);
  // The high watermark, or -1.
  aio::Task<std::int64_t> read_once(int partition);
  void take_records(int partition, const kafka::RecordsRef& records);

  Client& client_;
  History& history_;
  const std::string topic_;
  const int partitions_;
  std::map<int, std::int64_t> positions_;
  bool is_stopping_ = false;
  bool is_done_ = false;
};

}  // namespace penstock::sim
