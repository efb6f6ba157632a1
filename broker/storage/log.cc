#include "broker/storage/log.h"

#include <algorithm>
#include <numeric>

#include "broker/storage/log_state.h"

namespace penstock::storage {

Log::Log(std::unique_ptr<LogState> state) : state_(std::move(state)) {}
Log::~Log() {
  // A job that still waits must not write: the directory may be another topic's of the same name by then.
  const std::lock_guard lock(state_->guard->mutex);
  ++state_->guard->generation;
  state_->guard->epochs_version_saved = UINT64_MAX;
}

base::Result<std::unique_ptr<Log>> Log::open(LogOptions options) {
  auto state = std::make_unique<LogState>(std::move(options));
  TRY(state->load());
  std::unique_ptr<Log> log(new Log(std::move(state)));
  // What a killed run appended and did not flush is answered for as of now. flush.ms counts anew.
  constexpr std::int64_t kNoTime = 0;
  if (log->is_flush_due(kNoTime)) TRY(log->flush());
  return log;
}

const RecoveryReport& Log::recovery() const { return state_->report; }
const std::string& Log::directory() const { return state_->options.directory; }
const LogConfig& Log::config() const { return state_->config; }
void Log::set_config(const LogConfig& config) { state_->config = config; }

Offset Log::log_start_offset() const { return state_->log_start; }
Offset Log::log_end_offset() const { return state_->log_end; }
LogOffsetMetadata Log::log_end() const {
  const Segment& active = state_->active_segment();
  return {state_->log_end, active.base, active.size_bytes};
}
Offset Log::high_watermark() const { return state_->high_watermark; }

void Log::set_high_watermark(Offset high_watermark) {
  state_->high_watermark = std::clamp(high_watermark, state_->log_start, state_->log_end);
  state_->producers.on_high_watermark(state_->high_watermark);
}

Offset Log::last_stable_offset() const {
  const auto unstable = state_->producers.first_unstable_offset();
  return unstable ? std::min(std::max(*unstable, state_->log_start), state_->high_watermark)
                  : state_->high_watermark;
}

Offset Log::recovery_point() const { return state_->recovery_point; }
std::int64_t Log::unflushed_bytes() const { return state_->unflushed_bytes; }
std::size_t Log::segment_count() const { return state_->segments.size(); }
bool Log::has_unflushed_segments() const { return !state_->unflushed.empty(); }
std::int64_t Log::size_bytes() const {
  return std::accumulate(
      state_->segments.begin(), state_->segments.end(), std::int64_t{0},
      [](std::int64_t sum, const auto& segment) { return sum + segment.second.size_bytes; });
}

std::optional<LeaderEpoch> Log::latest_epoch() const { return state_->epochs.latest(); }
std::optional<LeaderEpoch> Log::epoch_at(Offset offset) const { return state_->epochs.epoch_at(offset); }
EpochEndOffset Log::end_offset_for_epoch(LeaderEpoch epoch) const {
  return state_->epochs.end_offset_for(epoch, state_->log_end);
}

void Log::expire_producers(std::int64_t now_ms) { state_->producers.expire(now_ms); }
std::size_t Log::producer_count() const { return state_->producers.size(); }
bool Log::has_open_transaction(kafka::ProducerId producer_id) const {
  return state_->producers.has_open_transaction(producer_id);
}
void Log::drop_tail_cache() { state_->tail.clear(); }

base::Result<> Log::close() {
  LogState& s = *state_;
  TRY(s.check_usable());
  TRY(run_jobs());
  const Segment& segment = s.active_segment();
  s.active.times.append(segment.max_timestamp, segment.max_timestamp_offset);
  TRY(s.index_job(segment, s.active.offsets, s.active.times).run());
  if (s.options.has_producer_state) {
    s.producers.set_end_offset(s.log_end);
    TRY(s.snapshot_job(s.log_end).run());
  }
  if (s.active.preallocated > segment.size_bytes) TRY(s.active.file->truncate(segment.size_bytes));
  TRY(flush());
  s.poison = base::Error(base::Errc::kShuttingDown, "closed");
  return {};
}

}  // namespace penstock::storage
