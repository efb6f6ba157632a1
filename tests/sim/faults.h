// What goes wrong in a cluster, by the seed's choice, and how it is mended.
//
// Threads: one.
#pragma once

#include "tests/sim/cluster.h"

namespace penstock::sim {

// A network that is slow or loses connections in some seeds.
void choose_network(Cluster& cluster);
int some_node(Cluster& cluster);

// Waits until it has stopped; a minute is too long.
void stop_cleanly(Cluster& cluster, int id);
// For some time; then the power is lost. Not where that may lose what was acknowledged.
void fail_syncs(Cluster& cluster, int id);
// For some time; then the broker is killed.
void fill_disk(Cluster& cluster, int id);
// From all others, in both directions or in one, perhaps from the clients too.
void cut_off(Cluster& cluster, int id);
// One way between two nodes.
void clog(Cluster& cluster);
void set_clock(Cluster& cluster, int id);
// One fault of those of the scenario quorum, and its end.
void disturb(Cluster& cluster);
// One fault of those of the scenario replication.
void damage(Cluster& cluster);
// Everything that faults have left: networks, clocks, disks, and brokers that do not run.
void mend(Cluster& cluster);

}  // namespace penstock::sim
