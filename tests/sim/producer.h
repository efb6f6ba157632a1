// A producer of a simulated cluster. It does what a client library with default settings does: idempotent,
// acks=all, several batches of a partition in flight, each sent again in order until its fate is known.
//
// Threads: the client's reactor. Lifetime: never freed, see client.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kafka/error_codes.h"
#include "kafka/messages/produce_request.h"
#include "kafka/messages/produce_response.h"
#include "tests/sim/client.h"
#include "tests/sim/history.h"

namespace penstock::sim {

struct ProducerOptions {
  std::string topic;
  int partitions = 1;
  int history_base = 0;  // Partition 0 has this number in the History.
  // Values are `first_value`, `first_value` + 1, ...
  History::Value first_value = 0;
  // How many batches of a partition are under way at most.
  std::uint64_t in_flight_max = 1;
  // acks=1, without an id: each batch is sent once, and nothing is claimed of it.
  bool is_losable = false;
};

class Producer {
 public:
  Producer(Client& client, History& history, ProducerOptions options)
      : client_(client), history_(history), options_(std::move(options)), next_value_(options_.first_value) {}

  void start();
  void stop() { is_stopping_ = true; }
  bool is_stopped() const { return is_stopped_; }
  std::uint64_t batches_acked() const { return batches_acked_; }
  // Sequences may be out of order after brokers lost data that they had acknowledged within their promises.
  void expect_lost_data() { may_lose_data_ = true; }

 private:
  struct Batch {
    std::int32_t sequence = 0;
    std::vector<History::Value> values;
    kafka::RecordsRef records;
    bool is_done = false;
    std::int64_t offset = -1;  // Once it is acknowledged.
  };
  // The batches of one partition that are under way, and the answers that are still to come.
  struct Window {
    int partition = 0;
    std::vector<Batch> batches;
    int waiting = 0;
    aio::Completion<bool> all_answered;
  };

  static aio::Task<> run(Producer* self);
  aio::Task<bool> begin();
  aio::Task<> send_window();
  Batch make_batch(int partition);
  // All that are not done, one after the other, without waiting between.
  aio::Task<> send_all(int broker, std::shared_ptr<Window> window);
  static aio::Task<> send(Producer* self, int broker, std::shared_ptr<Window> window, std::size_t index);
  aio::Task<base::Result<kafka::ProduceResponse>> produce(int broker, int partition, const Batch& batch);
  void take_answer(Window& window, std::size_t index, const kafka::ProduceResponse& response);
  void refuse(int partition, kafka::ErrorCode code, const std::string& message);
  // A batch whose acknowledgement is known arrives again.
  aio::Task<> repeat(int broker, int partition, Batch batch);

  Client& client_;
  History& history_;
  const ProducerOptions options_;
  History::Value next_value_;
  std::int64_t producer_id_ = -1;
  std::int16_t producer_epoch_ = -1;
  std::map<int, std::int32_t> sequences_;
  std::uint64_t batches_acked_ = 0;
  bool is_stopping_ = false;
  bool is_stopped_ = false;
  bool may_lose_data_ = false;
};

}  // namespace penstock::sim
