#include <gtest/gtest.h>

#include "cli/command.h"

namespace penstock::cli {
namespace {

TEST(Help, ListsTheCommands) {
  EXPECT_EQ(general_help(), R"(Kafka for Kubernetes, and for a laptop without it.

usage: penstock COMMAND [options]

  apply         Make clusters and topics what manifests say.
  consume       Write the records of a topic to standard output.
                (also called kafka-console-consumer)
  port-forward  Open a port of localhost for each broker of a cluster.
  produce       Write lines of standard input to a topic.
                (also called kafka-console-producer)
  status        Show clusters, their brokers, and topics.
  topics        Create, list, describe, grow and delete topics.
                (also called kafka-topics)
  version       Print the version of this program.

See 'penstock COMMAND --help'.
)");
}

TEST(Help, OfStatus) {
  EXPECT_EQ(help_of(*find_command("status"), "penstock status"), R"(Show clusters, their brokers, and topics.

usage: penstock status [-o json] [-n NAMESPACE]

options:
  -o, --output FORMAT             text or json [text].
  -n, --namespace NS              Only this namespace; all if left out.
      --kubeconfig FILE           Where Kubernetes is [$KUBECONFIG, $PENSTOCK_HOME/kubeconfig, .penstock/kubeconfig].
  -h, --help                      This text.

The JSON has clusters[] (namespace, name, clusterId, ready, bootstrapServers, replicas, readyReplicas,
generation, observedGeneration, conditions[], controllerId, fencedBrokers,
underReplicatedPartitions, underMinISRPartitions, offlinePartitions, lastFailover, rollout,
brokers[] of id, pod, pid, address, phase, ready, fenced, restarts) and topics[] (namespace, name,
topicName, topicId, cluster, ready, partitions, replicationFactor, reassignment, generation,
observedGeneration, conditions[]). What is not known is null.
)");
}

TEST(Help, EveryCommandHasOne) {
  for (const Command* command : all_commands()) {
    EXPECT_FALSE(command->summary.empty()) << command->name;
    EXPECT_TRUE(command->summary.ends_with('.')) << command->name;
    EXPECT_EQ(find_command(command->name), command);
  }
}

TEST(Help, KafkasToolsAreFoundWithAndWithoutSuffix) {
  for (const char* name : {"kafka-topics", "kafka-topics.sh", "topics"}) {
    EXPECT_EQ(find_command(name), find_command("topics")) << name;
  }
  EXPECT_EQ(find_command("kafka-console-producer.sh"), find_command("produce"));
  EXPECT_EQ(find_command("kafka-console-consumer.sh"), find_command("consume"));
  EXPECT_EQ(find_command("kafka-nothing.sh"), nullptr);
}

TEST(Run, UnknownWordsEndWith1) {
  for (const auto& args :
       {std::vector<std::string>{"penstock", "nothing"}, std::vector<std::string>{"penstock"},
        std::vector<std::string>{"/x/kafka-topics.sh", "--list", "--foo"},
        std::vector<std::string>{"penstock", "status", "-o", "xml"},
        std::vector<std::string>{"kafka-console-producer"}}) {
    EXPECT_EQ(run(args), 1);
  }
  EXPECT_EQ(run(std::vector<std::string>{"penstock", "version"}), 0);
}

}  // namespace
}  // namespace penstock::cli
