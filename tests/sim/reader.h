// A consumer of a simulated cluster: it reads all partitions, round after round, and looks at every record.
//
// Threads: the client's reactor. Lifetime: never freed, see client.h.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "kafka/messages/fetch_request.h"
#include "kafka/messages/fetch_response.h"
#include "tests/sim/client.h"
#include "tests/sim/history.h"

namespace penstock::sim {

struct ReaderOptions {
  std::string topic;
  int partitions = 1;
  int history_base = 0;  // Partition 0 has this number in the History.
  // A new leader may know of an older high watermark than the last one; a lone replica never does.
  bool is_high_watermark_checked = false;
};

class Reader {
 public:
  Reader(Client& client, History& history, ReaderOptions options)
      : client_(client), history_(history), options_(std::move(options)) {}

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
  void take_error(int partition, const kafka::FetchResponse::PartitionData& data, std::int64_t asked);
  void take_records(int partition, const kafka::RecordsRef& records);

  Client& client_;
  History& history_;
  const ReaderOptions options_;
  std::map<int, std::int64_t> positions_;
  bool is_stopping_ = false;
  bool is_done_ = false;
};

}  // namespace penstock::sim
