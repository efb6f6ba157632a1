// LD_PRELOAD: makes fsync and fdatasync fail when it is told to, and notes how much of each file they have made safe.
//
// FAULT_SHIM_CONTROL names a file; while it holds text, syncs of paths that contain that text fail with EIO.
// FAULT_SHIM_JOURNAL names a file; each sync that succeeded adds a line `SIZE PATH`.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int must_fail(const char* path) {
  const char* name = getenv("FAULT_SHIM_CONTROL");
  const int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return 0;
  char part[256];
  const ssize_t size = read(fd, part, sizeof part - 1);
  close(fd);
  if (size <= 0) return 0;
  part[size] = '\0';
  return strstr(path, part) != NULL;
}

static void note(const char* path, off_t size) {
  const char* name = getenv("FAULT_SHIM_JOURNAL");
  const int fd = name ? open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : -1;
  if (fd < 0) return;
  char line[PATH_MAX + 32];
  const int length = snprintf(line, sizeof line, "%lld %s\n", (long long)size, path);
  if (write(fd, line, length) != length) abort();
  close(fd);
}

static int sync_with(const char* symbol, int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, symbol);
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  path[length > 0 ? length : 0] = '\0';
  if (must_fail(path)) {
    errno = EIO;
    return -1;
  }
  struct stat before;
  const int is_file = fstat(fd, &before) == 0 && S_ISREG(before.st_mode);
  const int outcome = real(fd);
  const int error = errno;
  if (outcome == 0 && is_file) note(path, before.st_size);  // What came meanwhile may not be safe.
  errno = error;
  return outcome;
}

int fsync(int fd) { return sync_with("fsync", fd); }
int fdatasync(int fd) { return sync_with("fdatasync", fd); }
