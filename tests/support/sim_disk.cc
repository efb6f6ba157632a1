#include "tests/support/sim_disk.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace penstock::testing {

using base::ByteSpan;
using base::Errc;
using base::Result;

namespace {

constexpr std::int64_t kPageBytes = 512;  // Small, so that small tests tear too.

void write_into(base::Bytes& content, std::int64_t position, ByteSpan bytes) {
  const std::size_t end = static_cast<std::size_t>(position) + bytes.size();
  if (content.size() < end) content.resize(end);
  std::copy(bytes.begin(), bytes.end(), content.begin() + position);
}

}  // namespace

struct SimDisk::Inode {
  struct Change {
    std::int64_t position = 0;
    base::Bytes bytes;
    std::optional<std::int64_t> truncated_to;
  };
  base::Bytes content;
  base::Bytes durable;
  std::vector<Change> unsynced;

  void crash(base::Random& random) {
    for (const Change& change : unsynced) {
      if (change.truncated_to) {
        if (random.below(2) == 0) durable.resize(static_cast<std::size_t>(*change.truncated_to));
        continue;
      }
      const auto size = static_cast<std::int64_t>(change.bytes.size());
      for (std::int64_t at = 0; at < size;) {
        const std::int64_t page_end = (change.position + at) / kPageBytes * kPageBytes + kPageBytes;
        const std::int64_t length = std::min(page_end - change.position - at, size - at);
        if (random.below(4) != 0) {
          write_into(
              durable, change.position + at,
              ByteSpan(change.bytes).subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(length)));
        }
        at += length;
      }
    }
    unsynced.clear();
    content = durable;
  }
};

class SimFile final : public base::File {
 public:
  SimFile(SimDisk& disk, std::shared_ptr<SimDisk::Inode> inode, std::string path)
      : disk_(disk), inode_(std::move(inode)), path_(std::move(path)), boot_(disk.boot_) {}

  Result<std::size_t> read_at(std::int64_t position, std::span<std::uint8_t> bytes) override {
    const auto& content = inode_->content;
    if (position < 0 || static_cast<std::size_t>(position) >= content.size()) return std::size_t{0};
    const std::size_t length = std::min(bytes.size(), content.size() - static_cast<std::size_t>(position));
    std::copy_n(content.begin() + position, length, bytes.begin());
    return length;
  }

  Result<> write_at(std::int64_t position, ByteSpan bytes) override {
    if (boot_ != disk_.boot_) return base::fail(Errc::kIo, path_ + ": opened before the crash");
    if (disk_.are_writes_failing_) {
      apply(position, bytes.first(bytes.size() / 2));
      return base::fail(Errc::kIo, fmt::format("write {}: input/output error", path_));
    }
    const std::int64_t grows = position + static_cast<std::int64_t>(bytes.size()) -
                               static_cast<std::int64_t>(inode_->content.size());
    if (grows > 0 && disk_.used_bytes() + grows > disk_.capacity_)
      return base::fail(Errc::kNoSpace, fmt::format("write {}: no space left on device", path_));
    apply(position, bytes);
    return {};
  }

  Result<> truncate(std::int64_t size) override {
    if (boot_ != disk_.boot_) return base::fail(Errc::kIo, path_ + ": opened before the crash");
    inode_->content.resize(static_cast<std::size_t>(size));
    inode_->unsynced.push_back({.position = 0, .bytes = {}, .truncated_to = size});
    return {};
  }

  Result<std::int64_t> size() override { return static_cast<std::int64_t>(inode_->content.size()); }

  Result<> sync() override {
    if (boot_ != disk_.boot_) return base::fail(Errc::kIo, path_ + ": opened before the crash");
    ++disk_.sync_count_;
    if (disk_.are_syncs_failing_) {
      inode_->unsynced.clear();
      disk_.has_failed_syncs_ = true;
      return base::fail(Errc::kIo, fmt::format("fdatasync {}: input/output error", path_));
    }
    for (const SimDisk::Inode::Change& change : std::exchange(inode_->unsynced, {})) {
      if (change.truncated_to) {
        inode_->durable.resize(static_cast<std::size_t>(*change.truncated_to));
      } else {
        write_into(inode_->durable, change.position, change.bytes);
      }
    }
    return {};
  }

  Result<> preallocate(std::int64_t, std::int64_t) override { return {}; }
  void start_write_back(std::int64_t, std::int64_t) override {}
  int descriptor() const override { return -1; }
  const std::string& path() const override { return path_; }

 private:
  void apply(std::int64_t position, ByteSpan bytes) {
    write_into(inode_->content, position, bytes);
    inode_->unsynced.push_back(
        {.position = position, .bytes = base::Bytes(bytes.begin(), bytes.end()), .truncated_to = {}});
  }

  SimDisk& disk_;
  std::shared_ptr<SimDisk::Inode> inode_;
  const std::string path_;
  const std::uint64_t boot_;
};

SimDisk::SimDisk() : history_{{}} {}
SimDisk::~SimDisk() = default;

void SimDisk::note_change() { history_.push_back(names_); }

std::int64_t SimDisk::used_bytes() const {
  std::int64_t sum = 0;
  for (const auto& [name, inode] : names_) sum += static_cast<std::int64_t>(inode->content.size());
  return sum;
}

std::optional<ByteSpan> SimDisk::kept(const std::string& path) const {
  const auto found = history_.front().find(path);
  if (found == history_.front().end()) return std::nullopt;
  const Inode& inode = *found->second;
  std::size_t size = inode.durable.size();
  for (const Inode::Change& change : inode.unsynced)
    size = std::min(size, static_cast<std::size_t>(change.truncated_to.value_or(change.position)));
  return ByteSpan(inode.durable).first(size);
}

std::vector<std::string> SimDisk::kept_files(const std::string& prefix) const {
  std::vector<std::string> names;
  const Names& all = history_.front();
  for (auto at = all.lower_bound(prefix); at != all.end() && at->first.starts_with(prefix); ++at)
    names.push_back(at->first);
  return names;
}

void SimDisk::crash(base::Random& random) {
  ++boot_;
  has_failed_syncs_ = false;
  names_ = history_[random.below(history_.size())];
  history_ = {names_};
  // A directory whose renaming or removal was lost is there again with its files.
  for (const auto& [name, inode] : names_) (void)create_directories(name.substr(0, name.rfind('/')));
  std::set<Inode*> crashed;  // A renamed file has two names in history, but one inode here.
  for (auto& [name, inode] : names_)
    if (crashed.insert(inode.get()).second) inode->crash(random);
}

void SimDisk::corrupt(const std::string& path, std::int64_t position, std::uint8_t flip) {
  Inode& inode = *names_.at(path);
  inode.content.at(static_cast<std::size_t>(position)) ^= flip;
  inode.durable = inode.content;
  inode.unsynced.clear();
}

std::vector<std::string> SimDisk::files() const {
  std::vector<std::string> names;
  for (const auto& [name, inode] : names_) names.push_back(name);
  return names;
}

Result<std::unique_ptr<base::File>> SimDisk::open(const std::string& path, base::OpenMode mode) {
  const auto found = names_.find(path);
  const bool must_exist = mode == base::OpenMode::kRead || mode == base::OpenMode::kReadWrite;
  if (found == names_.end() && must_exist)
    return base::fail(Errc::kNotFound, fmt::format("open {}: no such file", path));
  if (found != names_.end() && mode == base::OpenMode::kCreateNew)
    return base::fail(Errc::kAlreadyExists, fmt::format("open {}: file exists", path));
  if (found == names_.end()) {
    names_[path] = std::make_shared<Inode>();
    note_change();
  }
  auto file = std::make_unique<SimFile>(*this, names_[path], path);
  if (mode == base::OpenMode::kTruncate) TRY(file->truncate(0));
  return file;
}

Result<> SimDisk::remove(const std::string& path) {
  if (names_.erase(path) != 0) note_change();
  return {};
}

Result<> SimDisk::remove_all(const std::string& path) {
  std::erase_if(names_,
                [&](const auto& item) { return item.first == path || item.first.starts_with(path + "/"); });
  std::erase_if(directories_, [&](const auto& name) { return name == path || name.starts_with(path + "/"); });
  note_change();
  return {};
}

Result<> SimDisk::rename(const std::string& from, const std::string& to) {
  if (!exists(from)) return base::fail(Errc::kNotFound, fmt::format("rename {}: no such file", from));
  Names renamed;
  for (auto& [name, inode] : names_) {
    const bool is_moved = name == from || name.starts_with(from + "/");
    if (is_moved) renamed[to + name.substr(from.size())] = inode;
  }
  std::erase_if(names_,
                [&](const auto& item) { return item.first == from || item.first.starts_with(from + "/"); });
  for (auto& [name, inode] : renamed) names_[name] = inode;
  if (directories_.erase(from) != 0) directories_.insert(to);
  note_change();
  return {};
}

Result<> SimDisk::create_directories(const std::string& path) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1))
    directories_.insert(path.substr(0, at));
  directories_.insert(path);
  return {};
}

Result<std::vector<base::DirectoryEntry>> SimDisk::list(const std::string& path) {
  const std::string prefix = path + "/";
  std::map<std::string, bool> entries;
  for (const auto& [name, inode] : names_)
    if (name.starts_with(prefix) && name.find('/', prefix.size()) == std::string::npos)
      entries[name.substr(prefix.size())] = false;
  for (const std::string& name : directories_)
    if (name.starts_with(prefix) && name.find('/', prefix.size()) == std::string::npos)
      entries[name.substr(prefix.size())] = true;
  std::vector<base::DirectoryEntry> result;
  for (const auto& [name, is_directory] : entries) result.push_back({name, is_directory});
  return result;
}

bool SimDisk::exists(const std::string& path) { return names_.contains(path) || directories_.contains(path); }

Result<> SimDisk::sync_directory(const std::string& path) {
  ++sync_count_;
  if (are_syncs_failing_) return base::fail(Errc::kIo, fmt::format("fsync {}: input/output error", path));
  history_ = {names_};
  return {};
}

Result<std::int64_t> SimDisk::modified_ms(const std::string& path) {
  if (!names_.contains(path)) return base::fail(Errc::kNotFound, fmt::format("stat {}: no such file", path));
  return 0;
}

}  // namespace penstock::testing
