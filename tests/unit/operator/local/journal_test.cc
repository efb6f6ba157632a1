#include "operator/local/journal.h"

#include <stdlib.h>

#include <filesystem>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/aio/sim_scheduler.h"

namespace penstock::local {
namespace {

class JournalTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/journal-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // What a store holds after loading, as names.
  std::vector<std::string> load() {
    aio::SimScheduler scheduler(1);
    aio::SimReactor reactor(scheduler);
    Store store;
    Journal journal(reactor, disk_, store, directory_);
    EXPECT_TRUE(journal.open());
    revision_ = store.revision();
    std::vector<std::string> names;
    for (const auto& [key, object] : store.objects()) names.push_back(key.name);
    return names;
  }

  // Writes as a process that is killed right after: nothing is flushed or closed in order.
  void write(const std::vector<std::string>& put, const std::vector<std::string>& removed) {
    aio::SimScheduler scheduler(1);
    aio::SimReactor reactor(scheduler);
    Store store;
    Journal journal(reactor, disk_, store, directory_);
    ASSERT_TRUE(journal.open());
    for (const std::string& name : put) store.put({"pods", "default", name}, Json::object());
    for (const std::string& name : removed) store.remove({"pods", "default", name});
    scheduler.run_for(base::seconds(1));
  }

  base::PosixDisk disk_;
  std::string directory_;
  std::int64_t revision_ = 0;
};

TEST_F(JournalTest, EverythingComesBack) {
  write({"a", "b", "c"}, {"b"});
  EXPECT_EQ(load(), (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(revision_, 5);
  // And again from the snapshot that the first load wrote.
  EXPECT_EQ(load(), (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(revision_, 5);
}

TEST_F(JournalTest, ATornLastLineIsDropped) {
  write({"a", "b"}, {});
  const std::string path = directory_ + "/journal.jsonl";
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 10);
  EXPECT_EQ(load(), (std::vector<std::string>{"a"}));
}

TEST_F(JournalTest, DamageBeforeTheEndIsAnError) {
  write({"a", "b"}, {});
  auto file = disk_.open(directory_ + "/journal.jsonl", base::OpenMode::kReadWrite);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->write_at(0, base::as_bytes("###")));
  aio::SimScheduler scheduler(1);
  aio::SimReactor reactor(scheduler);
  Store store;
  Journal journal(reactor, disk_, store, directory_);
  const auto opened = journal.open();
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().what().find("journal.jsonl line 1"), std::string::npos);
}

}  // namespace
}  // namespace penstock::local
