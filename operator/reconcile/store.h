// Everything that the operator has seen: one cache for each kind that it works with.
//
// Threads: one reactor.
#pragma once

#include "operator/kube/cache.h"

namespace penstock::reconcile {

struct Store {
  kube::ObjectCache clusters;
  kube::ObjectCache topics;
  kube::ObjectCache stateful_sets;
  kube::ObjectCache pods;
  kube::ObjectCache services;
  kube::ObjectCache config_maps;
  kube::ObjectCache service_accounts;
  kube::ObjectCache claims;
  kube::ObjectCache disruption_budgets;

  // REQUIRES: one of the kinds above.
  kube::ObjectCache& of(kube::Kind kind);
};

}  // namespace penstock::reconcile
