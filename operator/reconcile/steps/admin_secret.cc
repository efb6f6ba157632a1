#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "operator/reconcile/cluster_context.h"
#include "operator/resources/admin_secret.h"

namespace penstock::reconcile {
namespace {

// 32 random bytes.
std::string make_token(base::Random& random) {
  std::string bytes;
  for (int word = 0; word < 4; ++word) {
    std::uint64_t bits = random.next();
    for (int i = 0; i < 8; ++i, bits >>= 8) bytes += static_cast<char>(bits & 0xff);
  }
  return base::encode_base64url(bytes);
}

}  // namespace

// Asked for by name each time: the operator may neither list nor watch Secrets.
StepResult reconcile_admin_secret(ClusterContext& context) {
  const std::string& ns = context.cluster.meta.ns;
  const std::string name = resources::admin_secret_name(context.cluster);
  auto found = co_await context.deps.kube.get(kube::kSecretKind, ns, name);
  if (!found && found.error().code() == base::Errc::kNotFound) {
    found = co_await context.deps.kube.create(
        kube::kSecretKind, resources::build_admin_secret(context.cluster, make_token(context.deps.random)));
    if (!found && found.error().code() == base::Errc::kAlreadyExists)
      found = co_await context.deps.kube.get(kube::kSecretKind, ns, name);
  }
  if (!found) co_return base::fail(found.error());
  CO_TRY(check_owner(kube::kSecretKind, resources::build_admin_secret(context.cluster, ""), *found));
  CO_TRY_ASSIGN(context.admin_token, resources::read_admin_token(*found));
  co_return StepOutcome::go_on();
}

}  // namespace penstock::reconcile
