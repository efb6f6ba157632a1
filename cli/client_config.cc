#include "cli/client_config.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>

namespace penstock::cli {

using base::Errc;
using base::Error;
using base::fail;
using base::Properties;
using base::Result;

Result<std::string> read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!file) return fail(Error::from_errno(errno, fmt::format("open {}", path)));
  std::string text;
  char buffer[16384];
  while (const std::size_t size = std::fread(buffer, 1, sizeof buffer, file.get())) text.append(buffer, size);
  if (std::ferror(file.get()) != 0) return fail(Error::from_errno(errno, fmt::format("read {}", path)));
  return text;
}

Result<std::vector<kafka::Endpoint>> bootstrap_of(const Options& options, const Properties& properties) {
  const char* of_machine = std::getenv(kBootstrapVariable);
  std::string text(of_machine == nullptr ? kDefaultBootstrap : std::string_view(of_machine));
  if (const auto found = properties.find("bootstrap.servers"); found != properties.end())
    text = found->second;
  if (const auto list = options.value("broker-list")) text = *list;
  if (const auto server = options.value("bootstrap-server")) text = *server;
  return kafka::parse_endpoints(text);
}

std::string join(const std::vector<kafka::Endpoint>& endpoints) {
  std::string text;
  for (const kafka::Endpoint& endpoint : endpoints) {
    text += fmt::format("{}{}", text.empty() ? "" : ",", endpoint.to_string());
  }
  return text;
}

Result<Properties> properties_of(const Options& options, const std::vector<std::string_view>& file_options,
                                 const std::vector<std::string_view>& pair_options) {
  Properties properties;
  for (const std::string_view name : file_options) {
    for (const std::string& path : options.values(name)) {
      TRY_ASSIGN(const std::string text, read_file(path));
      auto parsed = base::parse_properties(text);
      if (!parsed) return fail(parsed.error().context(path));
      for (auto& [key, value] : *parsed) properties[key] = std::move(value);
    }
  }
  for (const std::string_view name : pair_options) {
    for (const std::string& pair : options.values(name)) {
      const std::size_t equals = pair.find('=');
      if (equals == std::string::npos || equals == 0) {
        return fail(Errc::kInvalidArgument, fmt::format("'{}' of --{} is not key=value", pair, name));
      }
      properties[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
  }
  return properties;
}

}  // namespace penstock::cli
