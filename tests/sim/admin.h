// Who changes a cluster under load: reassigns replicas, elects preferred leaders, deletes records, and makes,
// fills, reads and deletes a topic of the same name again and again.
//
// Threads: the client's reactor. Lifetime: never freed, see client.h.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/uuid.h"
#include "tests/sim/client.h"
#include "tests/sim/history.h"

namespace penstock::sim {

struct AdminOptions {
  std::string topic;
  int partitions = 1;
  int brokers = 3;
};

class Admin {
 public:
  Admin(SimNetwork& network, History& history, AdminOptions options);

  void start();
  // Afterwards every partition is to have a replica on every broker.
  void stop() { is_stopping_ = true; }
  bool is_stopped() const { return is_stopped_; }

 private:
  static aio::Task<> run(Admin* self);
  aio::Task<> act();
  void tell(const char* what);
  // False when the controller has not taken it.
  aio::Task<bool> reassign(std::vector<std::vector<std::int32_t>> replicas, int first_partition);
  std::vector<std::int32_t> some_replicas();
  aio::Task<> elect_preferred();
  aio::Task<> delete_records();
  aio::Task<> churn();
  aio::Task<> delete_topic(Client& client, base::Uuid topic);

  SimNetwork& network_;
  History& history_;
  const AdminOptions options_;
  Client client_;
  std::set<base::Uuid> generations_;
  int generation_ = 0;  // Of the topic that is made again and again.
  bool is_stopping_ = false;
  bool is_stopped_ = false;
};

}  // namespace penstock::sim
