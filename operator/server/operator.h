// The operator as a whole: informers fill the store, changes become keys in the queue, the queue runs the
// reconcilers.
//
// Threads: one reactor.
// Lifetime: start() once; stop_watching() and stop() before destruction.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/random.h"
#include "operator/kube/informer.h"
#include "operator/reconcile/deps.h"
#include "operator/reconcile/work_queue.h"

namespace penstock::server {

struct OperatorOptions {
  std::string ns;  // Empty: all namespaces.
  std::string default_image;
};

class Operator {
 public:
  Operator(aio::Reactor& reactor, base::Random& random, kube::KubeClient& client,
           reconcile::TopicAdmins& admins, OperatorOptions options);

  void start();
  // Hears of no more changes. Then the clients are stopped, which ends the passes that wait for them, then
  // stop().
  aio::Task<> stop_watching();
  aio::Task<> stop();

  // Every kind that is needed has been listed, so that reconciling has begun.
  bool is_ready() const { return is_started_; }
  // In the format of Prometheus.
  std::string metrics() const;

 private:
  void add_informer(kube::Kind kind, std::string label_selector);
  void on_change(kube::Kind kind, const kube::Json& object);
  void add_cluster(const std::string& ns, const std::string& name);
  void add_everything();
  // Waits for the first lists, then resyncs for ever: what no watch tells of (topics in Kafka) is looked at
  // again.
  aio::Task<> run();
  aio::Task<base::Result<reconcile::PassOutcome>> reconcile(std::string key);

  aio::Reactor& reactor_;
  base::Random& random_;
  kube::KubeClient& client_;
  const OperatorOptions options_;
  reconcile::Store store_;
  reconcile::Deps deps_;
  reconcile::WorkQueue queue_;
  std::vector<std::unique_ptr<kube::Informer>> informers_;
  bool is_started_ = false;
  aio::CancelSource stopping_;
  aio::Gate gate_;
};

}  // namespace penstock::server
