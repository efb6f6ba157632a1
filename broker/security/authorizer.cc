#include "broker/security/authorizer.h"

#include <span>

namespace penstock::security {

namespace {

using enum Operation;

constexpr Operation kTopicOperations[] = {kRead,  kWrite,    kCreate,          kDelete,
                                          kAlter, kDescribe, kDescribeConfigs, kAlterConfigs};
constexpr Operation kGroupOperations[] = {kRead, kDelete, kDescribe, kDescribeConfigs, kAlterConfigs};
constexpr Operation kClusterOperations[] = {kCreate,          kAlter,        kDescribe,       kClusterAction,
                                            kDescribeConfigs, kAlterConfigs, kIdempotentWrite};
constexpr Operation kTransactionalIdOperations[] = {kWrite, kDescribe};

std::span<const Operation> operations_of(ResourceKind kind) {
  switch (kind) {
    case ResourceKind::kTopic:
      return kTopicOperations;
    case ResourceKind::kGroup:
      return kGroupOperations;
    case ResourceKind::kCluster:
      return kClusterOperations;
    case ResourceKind::kTransactionalId:
      return kTransactionalIdOperations;
  }
  return {};
}

}  // namespace

std::int32_t Authorizer::authorized_operations(std::string_view principal, std::string_view host,
                                               ResourceKind kind, std::string_view name) const {
  std::int32_t bits = 0;
  for (const Operation operation : operations_of(kind)) {
    if (authorize({principal, host, operation, kind, name})) bits |= 1 << static_cast<int>(operation);
  }
  return bits;
}

}  // namespace penstock::security
