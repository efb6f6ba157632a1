// sim: runs a scenario with one seed, or with many. The same seed is the same run.
//
//   sim --scenario NAME --seed N [--log LEVEL]  one run, and what it did; brokers log from LEVEL (error) on
//   sim --scenario NAME --seeds N [--first M]   seeds M (1) to M + N - 1; names each that fails, and stops
//       [--failures K]                          after K of them; at the end, what the seeds have seen of what
//                                               is rare
//   sim --from FILE                             seeds that are worth running again, a scenario and a seed per
//   line sim --list                                  the scenarios
//
// Each seed has a process of its own: what a killed broker leaves in memory goes with it, and a failed
// assertion is a failure of that seed.
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "tests/sim/scenarios.h"

namespace {

using penstock::sim::Outcome;
using penstock::sim::Scenario;

// A run that hangs is a failure too.
constexpr unsigned kSecondsMax = 120;

struct Arguments {
  const Scenario* scenario = nullptr;
  std::uint64_t first = 1;
  std::uint64_t count = 1;
  std::uint64_t failures_max = UINT64_MAX;
  bool is_single = true;
};

std::optional<std::uint64_t> number_of(const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

const Scenario* find_scenario(const std::string& name) {
  for (const Scenario& scenario : penstock::sim::scenarios()) {
    if (scenario.name == name) return &scenario;
  }
  return nullptr;
}

std::optional<Arguments> parse(const std::vector<std::string>& texts) {
  Arguments arguments;
  for (std::size_t i = 0; i + 1 < texts.size(); i += 2) {
    const std::string& name = texts[i];
    const std::string& value = texts[i + 1];
    if (name == "--log") {
      penstock::sim::log_level() = value;
      continue;
    }
    if (name == "--scenario") {
      arguments.scenario = find_scenario(value);
      continue;
    }
    const auto number = number_of(value);
    if (!number) return std::nullopt;
    if (name == "--seed" || name == "--first") {
      arguments.first = *number;
    } else if (name == "--seeds") {
      arguments.count = *number;
      arguments.is_single = false;
    } else if (name == "--failures") {
      arguments.failures_max = *number;
    } else {
      return std::nullopt;
    }
  }
  if (texts.size() % 2 != 0 || arguments.scenario == nullptr) return std::nullopt;
  return arguments;
}

void print(const Outcome& outcome) {
  fmt::print("{} records acknowledged, {} faults, {} quorum epochs, {} simulated ms, digest {:x}\n",
             outcome.records_acked, outcome.faults, outcome.epochs, outcome.simulated_ms, outcome.digest);
  for (const std::string& violation : outcome.violations) fmt::print("  {}\n", violation);
  for (const auto& [what, count] : outcome.seen) fmt::print("  seen: {}: {}\n", what, count);
}

// How many seeds have seen it, and how often.
struct Sighting {
  std::uint64_t seeds = 0;
  std::uint64_t count = 0;
};
using Sightings = std::map<std::string, Sighting>;

void send(const Outcome& outcome, int to) {
  std::string text;
  for (const auto& [what, count] : outcome.seen) text += fmt::format("{}\t{}\n", what, count);
  // Less than a pipe takes at once.
  (void)!::write(to, text.data(), text.size());
}

void receive(int from, Sightings& into) {
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(from, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  std::istringstream lines(text);
  std::string what;
  std::string count;
  while (std::getline(lines, what, '\t') && std::getline(lines, count)) {
    Sighting& sighting = into[what];
    ++sighting.seeds;
    sighting.count += number_of(count).value_or(0);
  }
}

// In a process of its own. Whether all was well.
bool run_seed(const Arguments& arguments, std::uint64_t seed, Sightings& sightings) {
  std::fflush(stdout);
  int ends[2];
  if (::pipe(ends) != 0) return false;
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(kSecondsMax);
    // What brokers log of the faults is worth reading for one seed only.
    if (!arguments.is_single) (void)std::freopen("/dev/null", "w", stderr);
    const Outcome outcome = arguments.scenario->run(seed);
    send(outcome, ends[1]);
    if (arguments.is_single || !outcome.violations.empty()) print(outcome);
    std::fflush(stdout);
    ::_exit(outcome.violations.empty() ? 0 : 1);
  }
  ::close(ends[1]);
  receive(ends[0], sightings);
  ::close(ends[0]);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return false;
  if (WIFSIGNALED(status)) fmt::print("  ended by signal {}\n", WTERMSIG(status));
  const bool is_good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!is_good) fmt::print("replay: sim --scenario {} --seed {}\n", arguments.scenario->name, seed);
  return is_good;
}

int run_from(const char* path) {
  std::ifstream file(path);
  std::string name;
  std::uint64_t seed = 0;
  int failed = 0;
  int count = 0;
  Sightings ignored;
  for (; file >> name >> seed; ++count) {
    const Scenario* scenario = find_scenario(name);
    if (scenario == nullptr || !run_seed({.scenario = scenario, .is_single = false}, seed, ignored)) ++failed;
  }
  fmt::print("{}: {} of {} seeds failed\n", path, failed, count);
  return failed == 0 && count > 0 && file.eof() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> texts(argv + 1, argv + argc);
  if (texts.size() == 1 && texts[0] == "--list") {
    for (const Scenario& scenario : penstock::sim::scenarios())
      fmt::print("{:10} {}\n", scenario.name, scenario.about);
    return 0;
  }
  if (texts.size() == 2 && texts[0] == "--from") return run_from(argv[2]);
  const auto arguments = parse(texts);
  if (!arguments) {
    fmt::print(stderr,
               "usage: sim --scenario NAME (--seed N | --seeds N [--first M] [--failures K]) [--log LEVEL]\n "
               "      sim --list\n");
    return 2;
  }
  std::uint64_t failed = 0;
  Sightings sightings;
  for (std::uint64_t i = 0; i < arguments->count && failed < arguments->failures_max; ++i) {
    if (!run_seed(*arguments, arguments->first + i, sightings)) ++failed;
  }
  if (!arguments->is_single) {
    for (const auto& [what, seen] : sightings)
      fmt::print("  seen: {}: {} times in {} seeds\n", what, seen.count, seen.seeds);
    fmt::print("{}: {} of {} seeds failed\n", arguments->scenario->name, failed, arguments->count);
  }
  return failed == 0 ? 0 : 1;
}
