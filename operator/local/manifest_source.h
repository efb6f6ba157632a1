// A file or directory of manifests, kept applied: what is written there is what is there.
//
// Looked at every kLookEvery. A file with a mistake changes nothing: its problems are logged with file,
// document, line and field, and its objects stay as they were. An object whose document has left is deleted,
// which for a topic means what its deletionPolicy says; nothing is deleted while some file cannot be read.
//
// Threads: one reactor; files are read on the blocking pool.
// Lifetime: stop() before destruction.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/aio/cancel.h"
#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "operator/local/objects.h"

namespace penstock::local {

class ManifestSource {
 public:
  static constexpr base::Duration kLookEvery = base::milliseconds(200);
  static constexpr std::size_t kFilesMax = 1000;

  ManifestSource(aio::Reactor& reactor, Objects& objects, std::string path);

  void start();
  aio::Task<> stop();

  // What was wrong when it was last looked at, one line each.
  const std::vector<std::string>& problems() const { return problems_; }

  // File name to content; for tests, and used by start().
  using Files = std::map<std::string, std::string>;
  void apply(const Files& files);

 private:
  aio::Task<> run();
  bool apply_file(const std::string& file, const std::string& content, std::map<ObjectKey, bool>& wanted);
  void prune(const std::map<ObjectKey, bool>& wanted);
  void add_problem(std::string problem);

  aio::Reactor& reactor_;
  Objects& objects_;
  const std::string path_;
  std::vector<std::string> problems_;
  aio::CancelSource stopping_;
  aio::Gate gate_;
};

}  // namespace penstock::local
