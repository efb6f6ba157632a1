#include "operator/local/journal.h"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/aio/sleep.h"
#include "base/log.h"

namespace penstock::local {

namespace {

constexpr base::Logger log("journal");
constexpr std::int64_t kSnapshotBytesMax = 256 << 20;

std::string line_of(const ObjectKey& key, std::int64_t revision, const Json& object) {
  const Json line = {{"revision", revision},
                     {"resource", key.resource},
                     {"ns", key.ns},
                     {"name", key.name},
                     {"object", object}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

Journal::Journal(aio::Reactor& reactor, base::Disk& disk, Store& store, std::string directory)
    : reactor_(reactor), disk_(disk), store_(store), directory_(std::move(directory)) {}

Journal::~Journal() {
  if (subscription_ != 0) store_.unsubscribe(subscription_);
}

aio::Task<> Journal::stop() {
  if (subscription_ != 0) store_.unsubscribe(std::exchange(subscription_, 0));
  co_await gate_.close();
}

base::Result<> Journal::open() {
  TRY(disk_.create_directories(directory_));
  TRY(load(directory_ + "/snapshot.jsonl", false));
  TRY(load(directory_ + "/journal.jsonl", true));
  TRY(write_snapshot());
  subscription_ = store_.subscribe([this](const Change& change) { record(change); });
  return {};
}

base::Result<> Journal::load(const std::string& path, bool may_be_torn) {
  if (!disk_.exists(path)) return {};
  TRY_ASSIGN(const base::Bytes bytes, base::read_file(disk_, path, kSnapshotBytesMax));
  std::string_view rest = base::as_text(bytes);
  for (int line_number = 1; !rest.empty(); ++line_number) {
    const std::size_t end = rest.find('\n');
    const auto line = parse_json(rest.substr(0, end));
    const bool is_last = end == std::string_view::npos || end + 1 == rest.size();
    if (!line) {
      if (may_be_torn && is_last) return {};
      return base::fail(line.error().context(fmt::format("{} line {}", path, line_number)));
    }
    const ObjectKey key{text_at(*line, "/resource"), text_at(*line, "/ns"), text_at(*line, "/name")};
    const Json& object = value_at(*line, "/object");
    if (!key.resource.empty()) {
      if (object.is_object()) {
        store_.restore(key, object);
      } else {
        store_.restore_removal(key);
      }
    }
    store_.restore_revision(number_at(*line, "/revision", 0));
    rest.remove_prefix(is_last ? rest.size() : end + 1);
  }
  return {};
}

base::Result<> Journal::write_snapshot() {
  std::string text = line_of({"", "", ""}, store_.revision(), nullptr);
  for (const auto& [key, object] : store_.objects()) text += line_of(key, store_.revision(), *object);
  TRY(base::write_file_atomically(disk_, directory_ + "/snapshot.jsonl", base::as_bytes(text)));
  // A crash here replays the old journal over the new snapshot, which ends in the same state.
  TRY_ASSIGN(file_, disk_.open(directory_ + "/journal.jsonl", base::OpenMode::kTruncate));
  size_ = 0;
  return {};
}

void Journal::record(const Change& change) {
  const Json nothing;
  const Json& object = change.type == ChangeType::kDeleted ? nothing : *change.object;
  const std::string line = line_of(change.key, change.revision, object);
  if (auto written = file_->write_at(size_, base::as_bytes(line)); !written) {
    log.error("{} is kept in memory only: {}", change.key.to_string(), written.error().what());
    return;
  }
  size_ += static_cast<std::int64_t>(line.size());
  if (size_ > kJournalBytesMax) {
    if (auto done = write_snapshot(); !done) log.error("snapshot: {}", done.error().what());
    return;
  }
  is_dirty_ = true;
  if (!is_syncing_) aio::spawn(gate_, "journal sync", sync());
}

aio::Task<> Journal::sync() {
  is_syncing_ = true;
  while (is_dirty_) {
    is_dirty_ = false;
    std::shared_ptr<base::File> file = file_;
    auto sync_file = [file] { return file->sync(); };
    const auto done = co_await aio::run_blocking(reactor_, std::move(sync_file));
    if (!done) log.error("sync: {}", done.error().what());
  }
  is_syncing_ = false;
}

}  // namespace penstock::local
