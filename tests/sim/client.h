// A client of a simulated cluster, over kafka/client's Connection: a way to call any broker. producer.h,
// reader.h and admin.h are who use it.
//
// Threads: the client's reactor. Lifetime: never freed, as its coroutines run until the program ends.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/aio/gate.h"
#include "base/uuid.h"
#include "kafka/client/connection.h"
#include "tests/sim/network.h"

namespace penstock::sim {

// Of what producers write.
inline constexpr std::size_t kValueBytes = 8;

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

  // Makes sure that there is a connection.
  aio::Task<bool> open(int broker);
  // Asks some broker who leads the partitions of the topic.
  aio::Task<> refresh(std::string topic);
  // 0: unknown.
  int leader_of(int partition) const;
  // In which epoch; -1: unknown.
  int leader_epoch_of(int partition) const;
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
  struct Leader {
    int id = 0;
    int epoch = -1;
  };
  std::map<int, Leader> leaders_;
  base::Uuid topic_id_;
};

}  // namespace penstock::sim
