#include "operator/local/probe.h"

#include <array>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace penstock::local {

namespace {

std::uint16_t port_of(const Json& container, const Json& port) {
  if (port.is_number_integer()) return port.get<std::uint16_t>();
  const Json& ports = value_at(container, "/ports");
  if (ports.is_array() && port.is_string())
    for (const Json& item : ports)
      if (text_at(item, "/name") == port.get<std::string>())
        return static_cast<std::uint16_t>(number_at(item, "/containerPort", 0));
  return 0;
}

aio::Task<bool> ask_http(aio::Stream& stream, std::string request) {
  if (!co_await stream.write_all(base::as_bytes(request))) co_return false;
  std::array<std::uint8_t, 256> buffer{};
  std::size_t size = 0;
  // "HTTP/1.1 200" is all that counts.
  while (size < 12) {
    const auto got = co_await stream.read_some(std::span(buffer).subspan(size));
    if (!got || *got == 0) co_return false;
    size += *got;
  }
  const std::string_view line = base::as_text(std::span(buffer).first(size));
  co_return line.starts_with("HTTP/1.") && (line[9] == '2' || line[9] == '3');
}

}  // namespace

ProbeSpec probe_of(const Json& container, const char* name) {
  ProbeSpec spec;
  const Json& probe = value_at(container, std::string("/") + name);
  if (!probe.is_object()) return spec;
  const bool is_http = probe.contains("httpGet");
  if (!is_http && !probe.contains("tcpSocket")) return spec;
  spec.is_set = true;
  spec.port = port_of(container, value_at(probe, is_http ? "/httpGet/port" : "/tcpSocket/port"));
  if (is_http) {
    spec.path = text_at(probe, "/httpGet/path");
    if (spec.path.empty()) spec.path = "/";
  }
  spec.initial_delay = base::seconds(number_at(probe, "/initialDelaySeconds", 0));
  spec.period = base::seconds(number_at(probe, "/periodSeconds", 10));
  spec.timeout = base::seconds(number_at(probe, "/timeoutSeconds", 1));
  spec.failure_threshold = static_cast<int>(number_at(probe, "/failureThreshold", 3));
  spec.success_threshold = static_cast<int>(number_at(probe, "/successThreshold", 1));
  return spec;
}

aio::Task<bool> ask(aio::Reactor& reactor, aio::Transport& transport, ProbeSpec probe, std::string address) {
  const base::MonoTime deadline = reactor.now() + probe.timeout;
  auto stream = co_await transport.connect(address, probe.port, deadline);
  if (!stream) co_return false;
  if (probe.path.empty()) co_return true;
  std::string request =
      fmt::format("GET {} HTTP/1.1\r\nHost: {}:{}\r\nUser-Agent: penstock-local\r\nConnection: close\r\n\r\n",
                  probe.path, address, probe.port);
  const aio::TimerId timer = reactor.call_at(deadline, [&stream] { (*stream)->close(); });
  const bool answer = co_await ask_http(**stream, std::move(request));
  reactor.cancel(timer);
  co_return answer;
}

void ProbeState::record(bool answer) {
  failures_ = answer ? 0 : failures_ + 1;
  successes_ = answer ? successes_ + 1 : 0;
  if (successes_ >= spec_.success_threshold) is_passing_ = true;
  if (failures_ >= spec_.failure_threshold) is_passing_ = false;
}

}  // namespace penstock::local
