#include "operator/local/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <boost/asio/posix/stream_descriptor.hpp>

namespace penstock::local {

namespace {

constexpr int kFirstOtherDescriptor = 3;

struct Stat {
  char state = '?';
  pid_t session = 0;
  std::uint64_t start_time = 0;
};

// From /proc/PID/stat; a zero start time when there is no such process.
Stat read_stat(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string line((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  // The name in parentheses may hold anything, so fields are counted from its end.
  std::size_t at = line.rfind(')');
  Stat stat;
  if (at == std::string::npos) return stat;
  for (int field = 3; field <= 22; ++field) {
    at = line.find_first_not_of(' ', line.find(' ', at));
    if (at == std::string::npos) return stat;
    const char* begin = line.data() + at;
    const char* end = line.data() + line.size();
    if (field == 3) stat.state = *begin;
    if (field == 6) std::from_chars(begin, end, stat.session);
    if (field == 22) std::from_chars(begin, end, stat.start_time);
  }
  return stat;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

struct SpawnSetup {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  explicit SpawnSetup(const ProcessSpec& spec) {
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, spec.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    // Else it would keep our listening ports open after our death.
    posix_spawn_file_actions_addclosefrom_np(&actions, kFirstOtherDescriptor);
    if (!spec.working_directory.empty())
      posix_spawn_file_actions_addchdir_np(&actions, spec.working_directory.c_str());
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    sigset_t all;
    sigset_t none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
  }
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;
};

}  // namespace

base::Result<ProcessId> start_process(const ProcessSpec& spec) {
  if (spec.argv.empty()) return base::fail(base::Errc::kInvalidArgument, "no command");
  SpawnSetup setup(spec);
  const std::vector<char*> argv = pointers(spec.argv);
  const std::vector<char*> environment = pointers(spec.environment);
  ProcessId id;
  const int status =
      ::posix_spawn(&id.pid, argv[0], &setup.actions, &setup.attributes, argv.data(), environment.data());
  if (status != 0) return base::fail(base::Error::from_errno(status, "start " + spec.argv[0]));
  id.start_time = read_stat(id.pid).start_time;
  return id;
}

bool is_alive(const ProcessId& process) {
  if (!process) return false;
  const Stat stat = read_stat(process.pid);
  return stat.start_time == process.start_time && stat.start_time != 0 && stat.state != 'Z' &&
         stat.state != 'X';
}

void signal_process(const ProcessId& process, int signal) {
  if (is_alive(process)) ::kill(-process.pid, signal);
}

std::vector<FoundProcess> find_processes(const std::string& name, const std::string& prefix) {
  std::vector<FoundProcess> found;
  const std::string wanted = name + "=" + prefix;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string file = entry.path().filename().string();
    pid_t pid = 0;
    const auto parsed = std::from_chars(file.data(), file.data() + file.size(), pid);
    if (parsed.ec != std::errc{} || parsed.ptr != file.data() + file.size()) continue;
    const Stat stat = read_stat(pid);
    if (stat.session != pid || stat.state == 'Z') continue;
    std::ifstream environ_file(entry.path() / "environ", std::ios::binary);
    std::string variable;
    while (std::getline(environ_file, variable, '\0')) {
      if (!variable.starts_with(wanted)) continue;
      found.push_back({{pid, stat.start_time}, variable.substr(name.size() + 1)});
      break;
    }
  }
  return found;
}

struct ExitWatch::Impl : std::enable_shared_from_this<ExitWatch::Impl> {
  Impl(aio::AsioReactor& the_reactor, ProcessId the_process, Callback the_callback)
      : reactor(the_reactor),
        process(the_process),
        callback(std::move(the_callback)),
        descriptor(reactor.context()) {}

  aio::AsioReactor& reactor;
  ProcessId process;
  Callback callback;
  boost::asio::posix::stream_descriptor descriptor;
  bool is_dropped = false;

  void start() {
    const int fd = static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0));
    // Between the open and the check the pid cannot have been reused: the descriptor is of whatever was
    // there.
    if (fd < 0 || !is_alive(process)) {
      if (fd >= 0) ::close(fd);
      reactor.post([self = shared_from_this()] { self->report(); });
      return;
    }
    descriptor.assign(fd);
    wait();
  }

  void wait() {
    descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                          [self = shared_from_this()](const boost::system::error_code& code) {
                            if (!code) self->look();
                          });
  }

  // The reactor may wake us for nothing: an event of a watch that ended before, whose place this one took.
  void look() {
    if (is_dropped) return;
    if (is_alive(process)) return wait();
    report();
  }

  void report() {
    if (is_dropped) return;
    is_dropped = true;
    siginfo_t info{};
    ExitStatus status;
    if (::waitid(P_PID, static_cast<id_t>(process.pid), &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0)
      status.code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    callback(status);
  }
};

ExitWatch::ExitWatch(aio::AsioReactor& reactor, ProcessId process, Callback callback)
    : impl_(std::make_shared<Impl>(reactor, process, std::move(callback))) {
  impl_->start();
}

ExitWatch::~ExitWatch() {
  impl_->is_dropped = true;
  boost::system::error_code ignored;
  impl_->descriptor.close(ignored);
}

}  // namespace penstock::local
