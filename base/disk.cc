#include "base/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include <fmt/core.h>

namespace penstock::base {

namespace {

class PosixFile final : public File {
 public:
  PosixFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~PosixFile() override { ::close(descriptor_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Result<std::size_t> read_at(std::int64_t position, std::span<std::uint8_t> bytes) override {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t got =
          ::pread(descriptor_, bytes.data() + done, bytes.size() - done, position + static_cast<off_t>(done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail_with("read");
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  Result<> write_at(std::int64_t position, ByteSpan bytes) override {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t put = ::pwrite(descriptor_, bytes.data() + done, bytes.size() - done,
                                   position + static_cast<off_t>(done));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return fail_with("write");
      done += static_cast<std::size_t>(put);
    }
    return {};
  }

  Result<> truncate(std::int64_t size) override {
    if (::ftruncate(descriptor_, size) != 0) return fail_with("truncate");
    return {};
  }

  Result<std::int64_t> size() override {
    struct stat info{};
    if (::fstat(descriptor_, &info) != 0) return fail_with("stat");
    return info.st_size;
  }

  Result<> sync() override {
    if (::fdatasync(descriptor_) != 0) return fail_with("fdatasync");
    return {};
  }

  Result<> preallocate(std::int64_t position, std::int64_t length) override {
    if (::fallocate(descriptor_, FALLOC_FL_KEEP_SIZE, position, length) != 0 && errno != EOPNOTSUPP)
      return fail_with("fallocate");
    return {};
  }

  void start_write_back(std::int64_t position, std::int64_t length) override {
    // A hint only: an error here will come again from sync().
    (void)::sync_file_range(descriptor_, position, length, SYNC_FILE_RANGE_WRITE);
  }

  int descriptor() const override { return descriptor_; }
  const std::string& path() const override { return path_; }

 private:
  std::unexpected<Error> fail_with(const char* call) const {
    return fail(Error::from_errno(errno, fmt::format("{} {}", call, path_)));
  }

  const int descriptor_;
  const std::string path_;
};

int open_flags(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT;
    case OpenMode::kCreateNew:
      return O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::kTruncate:
      return O_RDWR | O_CREAT | O_TRUNC;
  }
  return O_RDONLY;
}

std::unexpected<Error> fail_at(const char* call, const std::string& path) {
  return fail(Error::from_errno(errno, fmt::format("{} {}", call, path)));
}

}  // namespace

Result<std::unique_ptr<File>> PosixDisk::open(const std::string& path, OpenMode mode) {
  const int descriptor = ::open(path.c_str(), open_flags(mode) | O_CLOEXEC, 0644);
  if (descriptor < 0) return fail_at("open", path);
  return std::make_unique<PosixFile>(descriptor, path);
}

Result<> PosixDisk::remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_at("unlink", path);
  return {};
}

Result<> PosixDisk::remove_all(const std::string& path) {
  std::error_code code;
  std::filesystem::remove_all(path, code);
  if (code) return fail(Error::from_errno(code.value(), fmt::format("remove {}", path)));
  return {};
}

Result<> PosixDisk::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return fail_at("rename", from);
  return {};
}

Result<> PosixDisk::create_directories(const std::string& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code) return fail(Error::from_errno(code.value(), fmt::format("mkdir {}", path)));
  return {};
}

Result<std::vector<DirectoryEntry>> PosixDisk::list(const std::string& path) {
  std::error_code code;
  std::vector<DirectoryEntry> entries;
  for (std::filesystem::directory_iterator it(path, code), end; !code && it != end; it.increment(code)) {
    std::error_code ignored;
    entries.push_back({it->path().filename().string(), it->is_directory(ignored)});
  }
  if (code) return fail(Error::from_errno(code.value(), fmt::format("list {}", path)));
  return entries;
}

bool PosixDisk::exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Result<> PosixDisk::sync_directory(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return fail_at("open", path);
  const int status = ::fsync(descriptor);
  const int error_number = errno;
  ::close(descriptor);
  if (status != 0) return fail(Error::from_errno(error_number, fmt::format("fsync {}", path)));
  return {};
}

Result<std::int64_t> PosixDisk::modified_ms(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return fail_at("stat", path);
  return info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1'000'000;
}

Result<Bytes> read_file(Disk& disk, const std::string& path, std::int64_t size_max) {
  TRY_ASSIGN(auto file, disk.open(path, OpenMode::kRead));
  TRY_ASSIGN(const std::int64_t size, file->size());
  if (size > size_max)
    return fail(Errc::kLimitExceeded, fmt::format("read {}: {} bytes is over {}", path, size, size_max));
  Bytes content(static_cast<std::size_t>(size));
  TRY_ASSIGN(const std::size_t got, file->read_at(0, content));
  content.resize(got);
  return content;
}

Result<> write_file_atomically(Disk& disk, const std::string& path, ByteSpan content) {
  const std::string temporary = path + ".tmp";
  {
    TRY_ASSIGN(auto file, disk.open(temporary, OpenMode::kTruncate));
    TRY(file->write_at(0, content));
    TRY(file->sync());
  }
  TRY(disk.rename(temporary, path));
  const std::size_t slash = path.rfind('/');
  return disk.sync_directory(slash == std::string::npos ? "." : path.substr(0, slash == 0 ? 1 : slash));
}

}  // namespace penstock::base
