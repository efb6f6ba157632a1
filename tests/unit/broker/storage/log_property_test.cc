// Random histories of a log against a model, with crashes: nothing flushed is lost, nothing appears that was
// not appended, and epochs and producers are as the records say. A failure names its seed.
#include <gtest/gtest.h>

#include <map>

#include "base/log.h"
#include "base/random.h"
#include "broker/storage/log.h"
#include "tests/support/sim_disk.h"
#include "tests/unit/broker/storage/batches.h"

namespace penstock::storage {
namespace {

constexpr int kSeeds = 60;
constexpr int kSteps = 150;

struct ModelBatch {
  Offset base{0};
  Offset last{0};
  std::int32_t epoch = 0;
  base::Bytes bytes;
  BatchSpec spec;
};

class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed) {
    options_.disk = &disk_;
    options_.directory = "/data/p-0";
    options_.config.segment_bytes = 7000;
    options_.config.index_interval_bytes = 500;
    options_.config.retention_ms = -1;
    options_.tail_cache_bytes_max = random_.below(2) == 0 ? 0 : 20'000;
    reopen();
  }

  void step() {
    switch (random_.below(16)) {
      case 0:
        return truncate();
      case 1:
        return flush();
      case 2:
        return raise_log_start();
      case 3:
        return restart_cleanly();
      case 4:
        return crash();
      case 5:
        return kill();
      case 6:
        ++epoch_;
        return log_->assign_epoch_start(LeaderEpoch{epoch_});
      case 7:
        return run_some_jobs();
      case 8:
        return roll();
      case 9:
        return repeat_last_of_a_producer();
      default:
        append_one();
        return read_somewhere();
    }
  }

  void check_all() {
    ASSERT_EQ(log_->log_end_offset(), end());
    base::Bytes expected;
    for (const ModelBatch& b : batches_)
      if (b.last >= log_->log_start_offset()) expected.insert(expected.end(), b.bytes.begin(), b.bytes.end());
    const base::Bytes got = read_all(*log_, log_->log_start_offset(), 3000);
    ASSERT_EQ(base_offsets(got), base_offsets(expected));
    ASSERT_TRUE(got == expected);
    for (const ModelBatch& b : batches_) {
      if (b.base < log_->log_start_offset()) continue;
      ASSERT_EQ(log_->epoch_at(b.base), LeaderEpoch{b.epoch}) << "epoch of " << b.base.value();
    }
  }

 private:
  Offset end() const { return batches_.empty() ? start_ : std::max(start_, batches_.back().last + 1); }

  void reopen() {
    auto log = Log::open(options_);
    ASSERT_TRUE(log) << log.error().what();
    log_ = std::move(*log);
    pending_.clear();
  }

  void append_one() {
    BatchSpec spec;
    spec.records = 1 + static_cast<int>(random_.below(4));
    spec.value_bytes = random_.below(10) == 0 ? 1500 : random_.below(300);
    spec.timestamp = 1000 + static_cast<std::int64_t>(random_.below(1000));
    if (random_.below(2) == 0) {
      spec.producer_id = static_cast<std::int64_t>(random_.below(3));
      spec.sequence = next_sequence_[spec.producer_id];
    }
    base::Bytes bytes = batch(spec);
    auto info = log_->append_as_leader(bytes, {.epoch = LeaderEpoch{epoch_}});
    ASSERT_TRUE(info) << info.error().what();
    ASSERT_EQ(info->error, kafka::ErrorCode::kNone) << info->message;
    ASSERT_FALSE(info->is_duplicate);
    ASSERT_EQ(info->base_offset, end());
    batches_.push_back({info->base_offset, info->last_offset, epoch_, bytes, spec});
    note_producers();
  }

  // Sequences follow from what is in the log.
  void note_producers() {
    next_sequence_.clear();
    for (const ModelBatch& b : batches_)
      if (b.spec.producer_id >= 0) next_sequence_[b.spec.producer_id] = b.spec.sequence + b.spec.records;
  }

  void repeat_last_of_a_producer() {
    for (auto b = batches_.rbegin(); b != batches_.rend(); ++b) {
      if (b->spec.producer_id < 0) continue;
      if (b->base < log_->log_start_offset()) return;
      base::Bytes again = batch(b->spec);
      auto info = log_->append_as_leader(again, {.epoch = LeaderEpoch{epoch_}});
      ASSERT_TRUE(info);
      ASSERT_TRUE(info->is_duplicate) << info->message;
      ASSERT_EQ(info->base_offset, b->base);
      return;
    }
  }

  void read_somewhere() {
    const Offset start = log_->log_start_offset();
    const Offset from =
        start + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(end() - start) + 1));
    const Offset bound = from + static_cast<std::int64_t>(random_.below(20));
    const auto bytes_max = static_cast<std::int64_t>(random_.below(5000));
    auto result = log_->read({.from = from, .bytes_max = bytes_max, .end = bound});
    ASSERT_TRUE(result) << result.error().what();
    base::Bytes expected;
    for (const ModelBatch& b : batches_)
      if (b.last >= from && b.last < bound && b.last < end())
        expected.insert(expected.end(), b.bytes.begin(), b.bytes.end());
    const base::ByteSpan got = result->records.bytes;
    ASSERT_LE(got.size(), expected.size());
    ASSERT_TRUE(std::equal(got.begin(), got.end(), expected.begin())) << "from " << from.value();
    ASSERT_EQ(got.empty(), expected.empty());
  }

  void run_some_jobs() {
    for (BackgroundJob& job : log_->take_jobs()) pending_.push_back(std::move(job));
    while (!pending_.empty() && random_.below(4) != 0) {
      const auto at = static_cast<std::ptrdiff_t>(random_.below(pending_.size()));
      ASSERT_TRUE(pending_[static_cast<std::size_t>(at)].run());
      pending_.erase(pending_.begin() + at);
    }
  }

  void flush() {
    FlushJob job = log_->make_flush_job();
    const auto outcome = job.run();
    ASSERT_TRUE(outcome) << outcome.error().what();
    const int appends_before_it_is_handed_back = static_cast<int>(random_.below(3));
    for (int i = 0; i < appends_before_it_is_handed_back; ++i) append_one();
    log_->finish_flush(job, outcome);
    ASSERT_EQ(log_->recovery_point(), std::max(job.target(), log_->recovery_point()));
    options_.recovery_point = log_->recovery_point();
  }

  void roll() { ASSERT_TRUE(log_->roll(0)); }

  void truncate() {
    if (random_.below(3) != 0 || batches_.empty()) return;
    const std::size_t keep = batches_.size() - std::min<std::size_t>(batches_.size(), random_.below(12));
    const Offset to = keep < batches_.size() ? batches_[keep].base : end();
    if (to < log_->log_start_offset()) return;
    ASSERT_TRUE(log_->truncate_to(to));
    batches_.resize(keep);
    start_ = to;
    note_producers();
    // As replicas do: what was dropped must not come back.
    ASSERT_TRUE(log_->flush());
    options_.recovery_point = log_->recovery_point();
  }

  void raise_log_start() {
    log_->set_high_watermark(log_->log_end_offset());
    if (random_.below(3) != 0 || batches_.empty()) return;
    const Offset to = batches_[random_.below(batches_.size())].base;
    ASSERT_TRUE(log_->increment_log_start_offset(to));
    ASSERT_TRUE(log_->apply_retention(0));
    options_.log_start_offset = log_->log_start_offset();
    note_producers();
  }

  void restart_cleanly() {
    ASSERT_TRUE(log_->close());
    log_.reset();
    options_.is_clean = true;
    reopen();
    ASSERT_TRUE(log_->recovery().was_clean);
    check_all();
    options_.is_clean = false;
    options_.recovery_point = log_->recovery_point();
  }

  // The process dies: everything written is still there.
  void kill() {
    log_.reset();
    reopen();
    ASSERT_EQ(log_->recovery().bad_position, -1) << log_->recovery().reason;
    check_all();
  }

  // The machine dies: what was not flushed may be gone, from some batch on.
  void crash() {
    log_.reset();
    disk_.crash(random_);
    reopen();
    ASSERT_GE(log_->log_end_offset(), std::min(options_.recovery_point, end()));
    while (!batches_.empty() && batches_.back().last >= log_->log_end_offset()) batches_.pop_back();
    start_ = log_->log_end_offset() > (batches_.empty() ? Offset{0} : batches_.back().last + 1)
                 ? log_->log_end_offset()
                 : Offset{0};
    note_producers();
    check_all();
    options_.recovery_point = std::min(options_.recovery_point, log_->log_end_offset());
  }

  base::SeededRandom random_;
  testing::SimDisk disk_;
  LogOptions options_;
  std::unique_ptr<Log> log_;
  std::vector<BackgroundJob> pending_;
  std::vector<ModelBatch> batches_;
  std::map<std::int64_t, std::int32_t> next_sequence_;
  Offset start_{0};  // Where the next batch goes when there is none.
  std::int32_t epoch_ = 0;
};

TEST(LogProperty, KeepsWhatItPromisesThroughCrashes) {
  base::set_log_level(base::LogLevel::kError);
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History history(seed);
    for (int i = 0; i < kSteps && !::testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      history.step();
    }
    if (::testing::Test::HasFailure()) return;
    history.check_all();
  }
}

}  // namespace
}  // namespace penstock::storage
