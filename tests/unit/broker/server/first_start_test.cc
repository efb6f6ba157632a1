// Which empty directories begin a quorum, and which join it.
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <gtest/gtest.h>

#include "base/disk.h"
#include "broker/server/format.h"

namespace penstock::server {
namespace {

constexpr const char* kDirectories[] = {"AAAAAAAAAAAAAAAAAAAAAQ", "AAAAAAAAAAAAAAAAAAAAAg",
                                        "AAAAAAAAAAAAAAAAAAAAAw"};

class FirstStart : public ::testing::Test {
 protected:
  void SetUp() override {
    home_ = ::testing::TempDir() + "first-start-" + std::to_string(::getpid());
    std::filesystem::remove_all(home_);
    std::filesystem::create_directories(home_);
  }
  void TearDown() override { std::filesystem::remove_all(home_); }

  // Formats the directory of a node, empty before, as its broker would at its start.
  base::Result<> start(int node, const std::string& formatted, const char* roles = "broker,controller") {
    std::filesystem::remove_all(home_ + "/data");
    std::string voters;
    for (int i = 0; i < 3; ++i) {
      voters +=
          (i == 0 ? "" : ",") + std::to_string(i) + "@demo-" + std::to_string(i) + ":9093:" + kDirectories[i];
    }
    std::ofstream(home_ + "/first-start.properties")
        << "initial.controllers=" << voters << "\nformatted=" << formatted << "\n";
    return format_if_empty(
        {{"node.id", std::to_string(node)},
         {"process.roles", roles},
         {"controller.listener.names", "CONTROLLER"},
         {"listeners", std::string(roles) == "broker"
                           ? "PLAINTEXT://127.0.0.1:9092"
                           : "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"},
         {"log.dirs", home_ + "/data"}},
        {"--cluster-id", "rCn_1SRmRfGByF9FXFZoVA", "--first-start", home_ + "/first-start.properties"});
  }
  std::string directory_id() const {
    base::PosixDisk disk;
    const auto bytes = base::read_file(disk, home_ + "/data/meta.properties");
    return bytes ? base::parse_properties(base::as_text(*bytes)).value()["directory.id"] : "";
  }
  bool begins_a_quorum() const {
    return std::filesystem::exists(home_ +
                                   "/data/__cluster_metadata-0/00000000000000000000-0000000000.checkpoint");
  }

  std::string home_;
};

TEST_F(FirstStart, AnInitialControllerBeginsTheQuorumInItsOwnDirectory) {
  for (int node = 0; node < 3; ++node) {
    const auto done = start(node, "");
    ASSERT_TRUE(done) << done.error().what();
    EXPECT_EQ(directory_id(), kDirectories[node]);
    EXPECT_TRUE(begins_a_quorum());
  }
}

TEST_F(FirstStart, AVolumeThatWasLostJoinsAsSomebodyNew) {
  ASSERT_TRUE(start(1, "0,1"));
  EXPECT_NE(directory_id(), "");
  EXPECT_NE(directory_id(), kDirectories[1]);
  EXPECT_FALSE(begins_a_quorum());
  // The last of them has not begun yet.
  ASSERT_TRUE(start(2, "0,1"));
  EXPECT_EQ(directory_id(), kDirectories[2]);
}

TEST_F(FirstStart, ALaterNodeJoins) {
  ASSERT_TRUE(start(3, "", "broker"));
  EXPECT_FALSE(begins_a_quorum());
  ASSERT_TRUE(start(12, "0,1,2"));
  EXPECT_FALSE(begins_a_quorum());
}

TEST_F(FirstStart, NothingIsFormattedWithoutTheFile) {
  ASSERT_TRUE(start(0, ""));
  std::filesystem::remove_all(home_ + "/data");
  const auto done = format_if_empty({{"node.id", "0"}, {"log.dirs", home_ + "/data"}},
                                    {"--cluster-id", "x", "--first-start", home_ + "/missing"});
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().what().find("--first-start"), std::string::npos);
  EXPECT_EQ(directory_id(), "");
}

}  // namespace
}  // namespace penstock::server
