// Files and directories, behind an interface so that tests and the simulation can lose, tear and fail writes.
//
// Every call is synchronous. Calls that can stall (sync, unlink, cold reads) are made from the Reactor's
// blocking pool, never from a reactor thread; see base/aio/reactor.h.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace penstock::base {

enum class OpenMode {
  kRead,       // Must exist.
  kReadWrite,  // Must exist.
  kCreate,     // Created when absent; kept when present.
  kCreateNew,  // ERRORS: kAlreadyExists.
  kTruncate,   // Created when absent; emptied when present.
};

// Threads: positional reads and writes may run on several threads at once.
class File {
 public:
  virtual ~File() = default;
  // Reads up to bytes.size(); fewer only at the end of the file.
  virtual Result<std::size_t> read_at(std::int64_t position, std::span<std::uint8_t> bytes) = 0;
  // Writes all of it or fails.
  virtual Result<> write_at(std::int64_t position, ByteSpan bytes) = 0;
  virtual Result<> truncate(std::int64_t size) = 0;
  virtual Result<std::int64_t> size() = 0;
  // Data and the metadata needed to read it back are on stable storage after success.
  virtual Result<> sync() = 0;
  // Reserves blocks without changing the file's size. Best effort.
  virtual Result<> preallocate(std::int64_t position, std::int64_t length) = 0;
  // Starts write-back of a range, waits for nothing. Best effort.
  virtual void start_write_back(std::int64_t position, std::int64_t length) = 0;
  // The descriptor for sendfile, or -1 when there is none.
  virtual int descriptor() const = 0;
  virtual const std::string& path() const = 0;
};

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
};

// Threads: safe from any thread.
class Disk {
 public:
  virtual ~Disk() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  virtual Result<> remove(const std::string& path) = 0;  // A file. Absent is success.
  virtual Result<> remove_all(const std::string& path) = 0;
  virtual Result<> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<> create_directories(const std::string& path) = 0;
  virtual Result<std::vector<DirectoryEntry>> list(const std::string& path) = 0;
  virtual bool exists(const std::string& path) = 0;
  // Makes creations, renames and removals inside the directory durable.
  virtual Result<> sync_directory(const std::string& path) = 0;
  // Milliseconds since 1970 of the last modification.
  virtual Result<std::int64_t> modified_ms(const std::string& path) = 0;
};

class PosixDisk final : public Disk {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<> remove(const std::string& path) override;
  Result<> remove_all(const std::string& path) override;
  Result<> rename(const std::string& from, const std::string& to) override;
  Result<> create_directories(const std::string& path) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& path) override;
  bool exists(const std::string& path) override;
  Result<> sync_directory(const std::string& path) override;
  Result<std::int64_t> modified_ms(const std::string& path) override;
};

// The whole file. ERRORS: kLimitExceeded when it is larger than size_max.
Result<Bytes> read_file(Disk& disk, const std::string& path, std::int64_t size_max = 64 << 20);
// Writes path.tmp, syncs it, renames it over path and syncs the directory: a reader sees the old content or
// the new, also after a crash.
Result<> write_file_atomically(Disk& disk, const std::string& path, ByteSpan content);

}  // namespace penstock::base
