// Who may do what. Every handler asks before it acts, so that ACLs can be added behind this one interface.
//
// Threads: authorize() from any reactor; implementations do not block.
// Source: KIP-11 (operations and resources), KIP-430 (authorized operations in responses).
#pragma once

#include <cstdint>
#include <string_view>

namespace penstock::security {

// As the protocol numbers them (AclOperation).
enum class Operation : std::int8_t {
  kRead = 3,
  kWrite = 4,
  kCreate = 5,
  kDelete = 6,
  kAlter = 7,
  kDescribe = 8,
  kClusterAction = 9,
  kDescribeConfigs = 10,
  kAlterConfigs = 11,
  kIdempotentWrite = 12,
};

enum class ResourceKind : std::int8_t { kTopic = 2, kGroup = 3, kCluster = 4, kTransactionalId = 5 };

struct Access {
  std::string_view principal;  // "User:ANONYMOUS"
  std::string_view host;
  Operation operation;
  ResourceKind kind;
  std::string_view name;  // "kafka-cluster" for the cluster.
};

class Authorizer {
 public:
  virtual ~Authorizer() = default;
  virtual bool authorize(const Access& access) const = 0;

  // The bit set of the operations on a resource that the principal may do, bit n for operation n.
  std::int32_t authorized_operations(std::string_view principal, std::string_view host, ResourceKind kind,
                                     std::string_view name) const;
};

// authorizer.class.name is empty: everybody may do everything, as in Kafka.
class AllowAll final : public Authorizer {
 public:
  bool authorize(const Access&) const override { return true; }
};

inline constexpr std::string_view kClusterResource = "kafka-cluster";

}  // namespace penstock::security
