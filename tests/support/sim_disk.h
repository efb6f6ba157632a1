// A disk in memory that fails as disks do: it forgets what was not synced, tears writes, fills up, fails
// syncs.
//
// crash() models a power loss. Of each file, what was synced stays; of later writes a random subset of pages
// stays, as a kernel writes back in any order. Of creations, renames and removals since the last
// sync_directory() a random prefix stays, as a journalling file system commits them in order.
//
// Lifetime: outlives its files. Files that were open at a crash fail from then on.
// Threads:  one thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/random.h"

namespace penstock::testing {

class SimDisk final : public base::Disk {
 public:
  SimDisk();
  ~SimDisk() override;

  void crash(base::Random& random);
  // From now on sync() and sync_directory() fail. What was to be synced then counts as clean, as with a
  // kernel: a later sync() does not write it, and only a power loss shows that.
  void fail_syncs(bool is_failing) { are_syncs_failing_ = is_failing; }
  // From now on write_at() fails; half of the bytes get there.
  void fail_writes(bool is_failing) { are_writes_failing_ = is_failing; }
  // All files together may hold no more.
  void set_capacity(std::int64_t bytes) { capacity_ = bytes; }

  // Whether a sync() has failed since the last crash().
  bool has_failed_syncs() const { return has_failed_syncs_; }

  // Changes bytes behind everybody's back, synced. REQUIRES: the file exists and is long enough.
  void corrupt(const std::string& path, std::int64_t position, std::uint8_t flip);
  std::vector<std::string> files() const;
  std::int64_t sync_count() const { return sync_count_; }
  std::int64_t used_bytes() const;
  // What any crash() leaves: the beginning of the file that is synced and not about to change; nullopt when
  // not even its name is.
  std::optional<base::ByteSpan> kept(const std::string& path) const;
  // Names that begin so and are synced.
  std::vector<std::string> kept_files(const std::string& prefix) const;

  base::Result<std::unique_ptr<base::File>> open(const std::string& path, base::OpenMode mode) override;
  base::Result<> remove(const std::string& path) override;
  base::Result<> remove_all(const std::string& path) override;
  base::Result<> rename(const std::string& from, const std::string& to) override;
  base::Result<> create_directories(const std::string& path) override;
  base::Result<std::vector<base::DirectoryEntry>> list(const std::string& path) override;
  bool exists(const std::string& path) override;
  base::Result<> sync_directory(const std::string& path) override;
  base::Result<std::int64_t> modified_ms(const std::string& path) override;

 private:
  friend class SimFile;
  struct Inode;
  using Names = std::map<std::string, std::shared_ptr<Inode>>;

  void note_change();  // After each change of names_.

  Names names_;
  std::set<std::string> directories_;
  std::vector<Names> history_;  // names_ after each change since the last sync; the first is what is durable.
  std::uint64_t boot_ = 0;
  std::int64_t capacity_ = INT64_MAX;
  std::int64_t sync_count_ = 0;
  bool are_syncs_failing_ = false;
  bool has_failed_syncs_ = false;
  bool are_writes_failing_ = false;
};

}  // namespace penstock::testing
