// Counters of the broker, written out in Prometheus' text format.
//
// Threads: counters from any thread (relaxed), text() from the admin port's reactor.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace penstock::server {

class Metrics {
 public:
  static constexpr std::size_t kApis = 128;

  void count_request(std::int16_t api_key, std::uint64_t bytes_in) {
    if (api_key >= 0 && static_cast<std::size_t>(api_key) < kApis) {
      requests_[static_cast<std::size_t>(api_key)].fetch_add(1, std::memory_order_relaxed);
    }
    bytes_in_.fetch_add(bytes_in, std::memory_order_relaxed);
  }
  void count_response(std::uint64_t bytes_out) { bytes_out_.fetch_add(bytes_out, std::memory_order_relaxed); }
  void count_refused() { refused_.fetch_add(1, std::memory_order_relaxed); }

  // A value that is asked for when text() is made; `name` with labels: kafka_topics{kind="internal"}.
  void add_gauge(std::string name, std::string help, std::function<double()> read);

  std::string text() const;

 private:
  struct Gauge {
    std::string name;
    std::string help;
    std::function<double()> read;
  };
  std::array<std::atomic<std::uint64_t>, kApis> requests_{};
  std::atomic<std::uint64_t> bytes_in_ = 0;
  std::atomic<std::uint64_t> bytes_out_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;
  std::vector<Gauge> gauges_;
};

}  // namespace penstock::server
