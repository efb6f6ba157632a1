// The operator as a whole: informers fill the store, changes become keys in the queue, the queue runs the
// reconcilers.
//
// It watches from start() on and works from lead() on, so that a replica that stands by knows everything when
// its turn comes. Threads: one reactor. Lifetime: start() once; stop_watching() and stop() before
// destruction.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/random.h"
#include "operator/kube/informer.h"
#include "operator/reconcile/deps.h"
#include "operator/reconcile/work_queue.h"
#include "operator/server/metrics.h"

namespace penstock::server {

struct OperatorOptions {
  std::vector<std::string> namespaces;  // Empty: all.
  std::string default_image;
};

class Operator {
 public:
  Operator(aio::Reactor& reactor, base::Random& random, kube::KubeClient& client,
           reconcile::TopicAdmins& admins, reconcile::BrokerAdmin& brokers, OperatorOptions options);

  void start();
  // Begins to work: at once, or when every kind has been listed.
  void lead();
  // Hears of no more changes. Then the clients are stopped, which ends the passes that wait for them, then
  // stop().
  aio::Task<> stop_watching();
  aio::Task<> stop();

  // Every kind that is needed has been listed, and the server answers.
  bool is_ready() const { return is_synced_ && why_not_ready().empty(); }
  // One line for each informer that waits or fails.
  std::string why_not_ready() const;
  // Adds what is known of passes and resources.
  void add_metrics(MetricsText& text) const;

 private:
  // How the passes over one kind of resource ended.
  struct PassCounts {
    std::string_view controller;
    std::uint64_t successes = 0;
    std::uint64_t requeues = 0;  // Successes that want another look after a while.
    std::uint64_t errors = 0;
    std::int64_t last_success_ms = 0;
  };

  void add_informers(kube::Kind kind, const std::string& label_selector);
  void on_change(kube::Kind kind, const kube::Json& object);
  void add_cluster(const std::string& ns, const std::string& name);
  void add_everything();
  // Waits for the first lists.
  aio::Task<> run();
  void work_if_ready();
  // Resyncs for ever: what no watch tells of (topics in Kafka) is looked at again.
  aio::Task<> resync();
  aio::Task<base::Result<reconcile::PassOutcome>> reconcile(std::string key);

  aio::Reactor& reactor_;
  base::Random& random_;
  kube::KubeClient& client_;
  const OperatorOptions options_;
  reconcile::Store store_;
  reconcile::BrokerProcesses processes_;
  reconcile::Deps deps_;
  reconcile::WorkQueue queue_;
  std::vector<std::unique_ptr<kube::Informer>> informers_;
  PassCounts cluster_passes_{"kafkacluster"};
  PassCounts topic_passes_{"kafkatopic"};
  bool is_synced_ = false;
  bool is_leading_ = false;
  bool is_working_ = false;
  aio::CancelSource stopping_;
  aio::Gate gate_;
};

}  // namespace penstock::server
