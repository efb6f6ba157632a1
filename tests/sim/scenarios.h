// The scenarios: what kind of cluster, and which faults.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace penstock::sim {

struct Outcome {
  std::vector<std::string> violations;
  std::size_t records_acked = 0;
  int faults = 0;
  int epochs = 0;  // Of the metadata quorum.
  std::int64_t simulated_ms = 0;
  std::uint64_t digest = 0;  // Of the run: another run with the same seed has the same.
  // How often what is rare was seen, so that many seeds can tell whether they saw it at all.
  std::map<std::string, std::uint64_t> seen{};
};

struct Scenario {
  std::string name;
  std::string about;
  std::function<Outcome(std::uint64_t seed)> run;
};

const std::vector<Scenario>& scenarios();
// Of the brokers; set before a run.
std::string& log_level();

}  // namespace penstock::sim
