// Keeps the store's objects on disk: a snapshot and a log of the changes after it, one JSON value a line.
//
// A change is in the page cache when put() returns, so it survives the death of this process; a background
// sync puts it on the disk soon after. A torn last line, from a crash of the machine, is dropped. On disk:
// DIRECTORY/snapshot.jsonl and DIRECTORY/journal.jsonl; each line is
//           {"revision": R, "resource": "pods", "ns": "default", "name": "demo-0", "object": {...} or null}.
// Threads:  one reactor.
// Lifetime: subscribes to the store until it is destroyed; stop() first.
#pragma once

#include <memory>
#include <string>

#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/disk.h"
#include "operator/local/store.h"

namespace penstock::local {

class Journal {
 public:
  static constexpr std::int64_t kJournalBytesMax = 8 << 20;

  Journal(aio::Reactor& reactor, base::Disk& disk, Store& store, std::string directory);
  ~Journal();
  aio::Task<> stop();

  // Fills the store with what was saved, writes a new snapshot, and records every change from then on.
  // ERRORS: kCorrupt naming file and line; kIo.
  base::Result<> open();

 private:
  base::Result<> load(const std::string& path, bool may_be_torn);
  base::Result<> write_snapshot();
  void record(const Change& change);
  aio::Task<> sync();

  aio::Reactor& reactor_;
  base::Disk& disk_;
  Store& store_;
  const std::string directory_;
  std::shared_ptr<base::File> file_;
  std::int64_t size_ = 0;
  std::uint64_t subscription_ = 0;
  bool is_syncing_ = false;
  bool is_dirty_ = false;
  aio::Gate gate_;
};

}  // namespace penstock::local
