#include "broker/storage/log_state.h"

#include <fmt/format.h>

#include "broker/storage/checkpoint_file.h"

namespace penstock::storage {

namespace {
constexpr std::size_t kNameDigits = 20;
constexpr std::size_t kOwnSegmentCache = 8;
}  // namespace

LogState::LogState(LogOptions o)
    : options(std::move(o)),
      disk(*options.disk),
      config(options.config),
      producers(options.producer_id_expiration_ms),
      tail(options.tail_cache_bytes_max, options.tail_cache_budget),
      open_segments(options.segment_cache ? options.segment_cache
                                          : std::make_shared<SegmentCache>(kOwnSegmentCache)) {}

std::string segment_file_name(Offset base, std::string_view suffix) {
  return fmt::format("{:020}{}", base.value(), suffix);
}

base::Result<Offset> parse_segment_file_name(std::string_view stem) {
  TRY_ASSIGN(const std::int64_t offset, parse_number(stem));
  if (stem.size() != kNameDigits || offset < 0)
    return base::fail(base::Errc::kCorrupt, fmt::format("'{}' is no segment's name", stem));
  return Offset(offset);
}

std::string LogState::path(Offset base, std::string_view suffix) const {
  return options.directory + "/" + segment_file_name(base, suffix);
}

Offset LogState::end_of(std::map<Offset, Segment>::const_iterator segment) const {
  const auto next = std::next(segment);
  return next == segments.end() ? log_end : next->first;
}

std::map<Offset, Segment>::iterator LogState::segment_of(Offset offset) {
  const auto after = segments.upper_bound(offset);
  return after == segments.begin() ? after : std::prev(after);
}

base::Result<> LogState::check_usable() const {
  if (!poison) return {};
  return base::fail(base::Errc::kIo, fmt::format("{} failed before: {}", options.directory, poison->what()));
}

std::unexpected<base::Error> LogState::poisoned_by(const base::Error& error) {
  if (!poison) poison = error;
  return base::fail(error);
}

}  // namespace penstock::storage
