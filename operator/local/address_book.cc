#include "operator/local/address_book.h"

#include <set>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "operator/local/object.h"

namespace penstock::local {

namespace {
constexpr int kLastAddress = 254 * 256;  // 127.0.0.2 to 127.0.254.255.
}

base::Result<> AddressBook::load() {
  if (!disk_.exists(path_)) return {};
  TRY_ASSIGN(const base::Bytes bytes, base::read_file(disk_, path_));
  TRY_ASSIGN(const Json book, parse_json(base::as_text(bytes)));
  for (const auto& [pod, address] : book.items())
    if (address.is_string()) addresses_[pod] = address.get<std::string>();
  return {};
}

base::Result<std::string> AddressBook::address_of(const std::string& ns, const std::string& pod) {
  const std::string key = ns + "/" + pod;
  if (const auto found = addresses_.find(key); found != addresses_.end()) return found->second;
  std::set<std::string> taken;
  for (const auto& [other, address] : addresses_) taken.insert(address);
  for (int i = 2; i < kLastAddress; ++i) {
    const std::string address = fmt::format("127.0.{}.{}", i / 256, i % 256);
    if (taken.contains(address)) continue;
    addresses_[key] = address;
    TRY(base::write_file_atomically(disk_, path_, base::as_bytes(Json(addresses_).dump(2) + "\n")));
    return address;
  }
  return base::fail(base::Errc::kLimitExceeded, "no loopback address is left for pod " + key);
}

}  // namespace penstock::local
