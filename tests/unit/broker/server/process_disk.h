// The disk as one run of a program sees it.
//
// Threads: one. Lifetime: the disk behind it outlives it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/disk.h"

namespace penstock::server::testing {

// A process's way to its disk; after its end there is none.
class ProcessDisk final : public base::Disk {
 public:
  explicit ProcessDisk(base::Disk& disk) : disk_(disk) {}
  void end() { is_over_ = true; }

  base::Result<std::unique_ptr<base::File>> open(const std::string& path, base::OpenMode mode) override {
    if (is_over_) return gone();
    return disk_.open(path, mode);
  }
  base::Result<> remove(const std::string& path) override { return is_over_ ? gone() : disk_.remove(path); }
  base::Result<> remove_all(const std::string& path) override {
    return is_over_ ? gone() : disk_.remove_all(path);
  }
  base::Result<> rename(const std::string& from, const std::string& to) override {
    return is_over_ ? gone() : disk_.rename(from, to);
  }
  base::Result<> create_directories(const std::string& path) override {
    return is_over_ ? gone() : disk_.create_directories(path);
  }
  base::Result<std::vector<base::DirectoryEntry>> list(const std::string& path) override {
    if (is_over_) return gone();
    return disk_.list(path);
  }
  bool exists(const std::string& path) override { return !is_over_ && disk_.exists(path); }
  base::Result<> sync_directory(const std::string& path) override {
    return is_over_ ? gone() : disk_.sync_directory(path);
  }
  base::Result<std::int64_t> modified_ms(const std::string& path) override {
    if (is_over_) return gone();
    return disk_.modified_ms(path);
  }

 private:
  static std::unexpected<base::Error> gone() { return base::fail(base::Errc::kIo, "the process is gone"); }
  base::Disk& disk_;
  bool is_over_ = false;
};

}  // namespace penstock::server::testing
