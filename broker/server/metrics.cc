#include "broker/server/metrics.h"

#include <utility>

#include <fmt/core.h>

#include "kafka/api_keys.h"

namespace penstock::server {

namespace {

void add_header(std::string& out, std::string_view name, std::string_view help, std::string_view type) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

}  // namespace

void Metrics::add_gauge(std::string name, std::string help, std::function<double()> read) {
  gauges_.push_back({std::move(name), std::move(help), std::move(read)});
}

std::string Metrics::text() const {
  std::string out;
  add_header(out, "penstock_requests_total", "Requests by API.", "counter");
  for (std::size_t key = 0; key < kApis; ++key) {
    const std::uint64_t count = requests_[key].load(std::memory_order_relaxed);
    if (count == 0) continue;
    out += fmt::format("penstock_requests_total{{api=\"{}\"}} {}\n",
                       kafka::api_name(static_cast<kafka::ApiKey>(key)), count);
  }
  const auto counter = [&out](std::string_view name, std::string_view help,
                              const std::atomic<std::uint64_t>& value) {
    add_header(out, name, help, "counter");
    out += fmt::format("{} {}\n", name, value.load(std::memory_order_relaxed));
  };
  counter("penstock_request_bytes_total", "Bytes of requests.", bytes_in_);
  counter("penstock_response_bytes_total", "Bytes of responses.", bytes_out_);
  counter("penstock_requests_refused_total", "Requests that closed their connection.", refused_);
  for (const Gauge& gauge : gauges_) {
    const std::string base_name = gauge.name.substr(0, gauge.name.find('{'));
    add_header(out, base_name, gauge.help, "gauge");
    out += fmt::format("{} {}\n", gauge.name, gauge.read());
  }
  return out;
}

}  // namespace penstock::server
