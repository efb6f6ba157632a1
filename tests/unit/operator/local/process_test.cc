#include "operator/local/process.h"

#include <functional>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.h"

namespace penstock::local {
namespace {

// One process after the other, each watched in the place of the last: a reactor may have events of the last
// one left, which say nothing of the next.
class Chain {
 public:
  Chain(aio::AsioReactor& reactor, std::vector<int>& codes, std::function<void()> on_end)
      : reactor_(reactor), codes_(codes), on_end_(std::move(on_end)) {}

  void next() {
    watch_.reset();
    if (left_-- == 0) return on_end_();
    const auto started = start_process({{"/bin/sh", "-c", left_ % 2 == 0 ? "exit 3" : "sleep 0.01; exit 3"},
                                        {"PATH=/usr/bin:/bin"},
                                        "",
                                        "/dev/null"});
    ASSERT_TRUE(started) << started.error().what();
    watch_ = std::make_unique<ExitWatch>(reactor_, *started, [this](ExitStatus status) {
      codes_.push_back(status.code);
      reactor_.post([this] { next(); });
    });
  }

 private:
  aio::AsioReactor& reactor_;
  std::vector<int>& codes_;
  std::function<void()> on_end_;
  int left_ = 40;
  std::unique_ptr<ExitWatch> watch_;
};

TEST(ExitWatch, OfAChildTellsItsStatusWhenItHasEndedAndNotBefore) {
  const base::SystemClock clock;
  aio::BlockingPool pool(1);
  aio::AsioReactor reactor(clock, pool);
  std::vector<int> codes;
  std::vector<std::unique_ptr<Chain>> chains;
  std::size_t running = 8;
  for (std::size_t i = running; i > 0; --i) {
    chains.push_back(std::make_unique<Chain>(reactor, codes, [&] {
      if (--running == 0) reactor.stop();
    }));
  }
  for (const auto& chain : chains) reactor.post([&chain] { chain->next(); });
  reactor.run();
  EXPECT_EQ(codes, std::vector<int>(320, 3));
}

}  // namespace
}  // namespace penstock::local
