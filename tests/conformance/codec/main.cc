// Our side of the codec's conformance test; run.py runs it against Kafka's own message classes.
//
//   check FILE            decode, re-encode and compare what Kafka encoded; cut it short, put garbage after
//   it produce FILE SEED     random messages of ours, for Kafka to decode and re-encode facts FILE compare
//   the tables of APIs and errors
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "kafka/codec.h"
#include "kafka/error_codes.h"
#include "kafka/message_registry.h"
#include "tests/support/kafka/random_message.h"

namespace penstock {

namespace {

constexpr int kRounds = 10;
constexpr std::size_t kSmallBytes = 400;  // Up to here a message is cut at every length,
constexpr std::size_t kCutsOfLarge = 50;  // and a longer one at this many places.

[[noreturn]] void die(const std::string& why) {
  fmt::print(stderr, "{}\n", why);
  std::exit(1);
}

base::Bytes read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) die(fmt::format("cannot open {}", path));
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void check_equal(const kafka::MessageDescriptor& type, std::int16_t version, base::ByteSpan bytes) {
  kafka::AnyMessage message(type);
  base::ByteReader reader(bytes);
  if (auto done = message.decode(reader, version); !done) die(done.error().what());
  if (reader.remaining() != 0)
    die(fmt::format("{} v{}: {} bytes left over", type.name, version, reader.remaining()));
  base::ByteWriter writer;
  if (auto done = message.encode(version, writer); !done) die(done.error().what());
  if (!std::ranges::equal(writer.span(), bytes))
    die(fmt::format("{} v{}: encoded bytes differ", type.name, version));
}

void check_cut_short(const kafka::MessageDescriptor& type, std::int16_t version, base::ByteSpan bytes) {
  const std::size_t step = bytes.size() <= kSmallBytes ? 1 : bytes.size() / kCutsOfLarge;
  for (std::size_t length = 0; length < bytes.size(); length += step) {
    // A copy of its own, so that a sanitizer sees a read past the end.
    const base::Bytes part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
    kafka::AnyMessage message(type);
    base::ByteReader reader(part);
    if (message.decode(reader, version)) {
      die(fmt::format("{} v{}: cut to {} of {} bytes and still decoded", type.name, version, length,
                      bytes.size()));
    }
  }
}

void check_garbage_after(const kafka::MessageDescriptor& type, std::int16_t version, base::ByteSpan bytes) {
  base::Bytes longer(bytes.begin(), bytes.end());
  longer.insert(longer.end(), {0xff, 0x00, 0x7f});
  kafka::AnyMessage message(type);
  base::ByteReader reader(longer);
  if (auto done = message.decode(reader, version); !done) die(done.error().what());
  if (reader.remaining() != 3) die(fmt::format("{} v{}: read into what follows", type.name, version));
}

// Every pair of message and version that we have must have been compared.
void check_complete(const std::set<std::pair<std::string, std::int16_t>>& seen) {
  int rpc = 0;
  int records = 0;
  for (const kafka::MessageDescriptor* type : kafka::all_messages()) {
    for (std::int16_t version = type->versions.lowest; version <= type->versions.highest; ++version) {
      if (!seen.contains({std::string(type->name), version})) {
        die(fmt::format("{} v{} was not compared", type->name, version));
      }
      const bool is_rpc =
          type->kind == kafka::MessageKind::kRequest || type->kind == kafka::MessageKind::kResponse;
      ++(is_rpc ? rpc : records);
    }
  }
  fmt::print("Kafka to ours: {} API versions in both directions, {} versions of records, headers and files\n",
             rpc / 2, records);
}

int check(const char* path) {
  const base::Bytes content = read_file(path);
  base::ByteReader file(content);
  std::set<std::pair<std::string, std::int16_t>> seen;
  std::size_t count = 0;
  while (file.remaining() > 0) {
    const std::string name(base::as_text(file.read_span(file.read_uint16())));
    const std::int16_t version = file.read_int16();
    const base::ByteSpan bytes = file.read_span(file.read_uint32());
    if (file.failed()) die(fmt::format("{}: malformed", path));
    const kafka::MessageDescriptor* type = kafka::find_message(name);
    if (type == nullptr) die(fmt::format("Kafka has {}, we have not", name));
    check_equal(*type, version, bytes);
    check_cut_short(*type, version, bytes);
    check_garbage_after(*type, version, bytes);
    seen.emplace(name, version);
    ++count;
  }
  check_complete(seen);
  fmt::print("Kafka to ours: {} messages are byte-equal, fail when cut short, and leave what follows\n",
             count);
  return 0;
}

int produce(const char* path, std::uint64_t seed) {
  test::RandomMessages random(seed);
  base::ByteWriter out;
  for (const kafka::MessageDescriptor* type : kafka::all_messages()) {
    for (std::int16_t version = type->versions.lowest; version <= type->versions.highest; ++version) {
      for (int round = 0; round < kRounds; ++round) {
        base::ByteWriter body;
        const kafka::AnyMessage message = random.make(*type, version);
        if (auto done = message.encode(version, body); !done) die(done.error().what());
        out.write_uint16(static_cast<std::uint16_t>(type->name.size()));
        out.write_text(type->name);
        out.write_int16(version);
        out.write_uint32(static_cast<std::uint32_t>(body.size()));
        out.write_bytes(body.span());
      }
    }
  }
  std::ofstream file(path, std::ios::binary);
  file << base::as_text(out.span());
  return file.good() ? 0 : 1;
}

void check_api(std::istream& row) {
  std::int16_t key = 0;
  std::int16_t version = 0;
  std::int16_t request_header = 0;
  std::int16_t response_header = 0;
  std::string name;
  row >> key >> name >> version >> request_header >> response_header;
  const kafka::ApiInfo* api = kafka::find_api(key);
  const auto api_key = static_cast<kafka::ApiKey>(key);
  if (api == nullptr || api->name != name || !api->supports(version) ||
      kafka::request_header_version(api_key, version) != request_header ||
      kafka::response_header_version(api_key, version) != response_header) {
    die(fmt::format("api {} {} v{} is not in our table like this", key, name, version));
  }
}

void check_access(std::istream& row) {
  std::int16_t key = 0;
  std::int16_t stable = 0;
  bool broker = false;
  bool controller = false;
  bool cluster_action = false;
  bool forwardable = false;
  row >> key >> std::boolalpha >> broker >> controller >> cluster_action >> forwardable >> stable;
  const kafka::ApiInfo* api = kafka::find_api(key);
  if (api == nullptr || api->on_broker_listener != broker || api->on_controller_listener != controller ||
      api->cluster_action != cluster_action || api->forwardable != forwardable ||
      api->advertised_highest != stable) {
    die(fmt::format("api {} has other rights or listeners in our table", key));
  }
}

void check_error(std::istream& row) {
  std::int16_t number = 0;
  std::string name;
  bool retriable = false;
  row >> number >> name >> std::boolalpha >> retriable;
  const std::optional<kafka::ErrorCode> code = kafka::find_error_code(number);
  if (!code || kafka::error_name(*code) != name || kafka::is_retriable(*code) != retriable) {
    die(fmt::format("error {} {} is not in our table like this", number, name));
  }
}

int facts(const char* path) {
  std::ifstream file(path);
  int api_versions = 0;
  int errors = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream row(line);
    std::string kind;
    row >> kind;
    if (kind == "api") {
      check_api(row);
      ++api_versions;
    } else if (kind == "access") {
      check_access(row);
    } else {
      check_error(row);
      ++errors;
    }
    if (!row) die(fmt::format("{}: malformed line {}", path, line));
  }
  if (api_versions == 0 || errors == 0) die(fmt::format("{} has no rows", path));
  fmt::print("tables: {} API versions with their headers, {} error codes\n", api_versions, errors);
  return 0;
}

int run(int argc, char** argv) {
  const std::string mode = argc > 2 ? argv[1] : "";
  if (mode == "check") return check(argv[2]);
  if (mode == "produce" && argc > 3) return produce(argv[2], std::strtoull(argv[3], nullptr, 10));
  if (mode == "facts") return facts(argv[2]);
  die("usage: conformance_codec check FILE | produce FILE SEED | facts FILE");
}

}  // namespace

}  // namespace penstock

int main(int argc, char** argv) { return penstock::run(argc, argv); }
