// BrokerAdmin over HTTP/1.1: one connection for each call, as they are rare.
//
// Bounds: kCallTimeout for a call, kReplyBytesMax for an answer. Threads: one reactor. Lifetime: its calls
// end before it does; reactor and transport outlive it.
#pragma once

#include "base/aio/reactor.h"
#include "base/aio/transport.h"
#include "operator/reconcile/broker_admin.h"

namespace penstock::reconcile {

class HttpBrokerAdmin final : public BrokerAdmin {
 public:
  static constexpr base::Duration kCallTimeout = base::seconds(3);
  static constexpr std::size_t kReplyBytesMax = 1 << 20;

  HttpBrokerAdmin(aio::Reactor& reactor, aio::Transport& transport, std::uint16_t port)
      : reactor_(reactor), transport_(transport), port_(port) {}

  aio::Task<base::Result<ClusterView>> describe_cluster(AdminPort port) override;
  aio::Task<base::Result<BrokerProcess>> describe_broker(AdminPort port) override;
  aio::Task<base::Result<StopAnswer>> reserve_stop(AdminPort port, std::int32_t broker,
                                                   std::string holder) override;
  aio::Task<base::Result<>> release_stop(AdminPort port, std::int32_t broker) override;
  aio::Task<base::Result<bool>> report_dead(AdminPort port, BrokerProcess process) override;

 private:
  struct Reply {
    int status = 0;
    std::string body;
  };
  aio::Task<base::Result<Reply>> call(AdminPort port, std::string method, std::string target,
                                      std::string body);

  aio::Reactor& reactor_;
  aio::Transport& transport_;
  const std::uint16_t port_;
};

}  // namespace penstock::reconcile
