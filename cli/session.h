// Runs one task of a command to its end on a reactor of its own, with a Kafka or Kubernetes client.
//
// Threads: blocks the calling thread, which becomes the reactor's.
#pragma once

#include <functional>
#include <string>

#include "base/aio/task.h"
#include "base/error.h"
#include "cli/options.h"
#include "kafka/client/admin_client.h"
#include "operator/kube/kubeconfig.h"

namespace penstock::kube {
class HttpKubeClient;
}

namespace penstock::cli {

using AdminTask = std::function<aio::Task<int>(kafka::AdminClient& admin)>;
int run_with_admin(kafka::AdminClientOptions options, const AdminTask& task);

using KubeTask = std::function<aio::Task<int>(kube::HttpKubeClient& client, aio::Reactor& reactor)>;
int run_with_kube(kube::Credentials credentials, const KubeTask& task);

// --kubeconfig, $KUBECONFIG, $PENSTOCK_HOME/kubeconfig, ./.penstock/kubeconfig, then as kubectl does.
// ERRORS: kNotFound naming what was looked for; those of reading the file.
base::Result<kube::Credentials> credentials_of(const Options& options);

}  // namespace penstock::cli
