#include "broker/storage/batch_scanner.h"

#include <algorithm>

#include <fmt/format.h>

namespace penstock::storage {

BatchScanner::BatchScanner(base::File& file, std::int64_t from, std::int64_t end, std::size_t window_bytes)
    : file_(file), end_(end), window_bytes_(window_bytes), position_(from), next_(from) {}

base::Result<base::ByteSpan> BatchScanner::bytes_at(std::int64_t position, std::size_t wanted) {
  wanted = std::min(wanted, static_cast<std::size_t>(std::max<std::int64_t>(end_ - position, 0)));
  const auto window_end = window_at_ + static_cast<std::int64_t>(window_.size());
  if (position < window_at_ || position + static_cast<std::int64_t>(wanted) > window_end) {
    const auto left = static_cast<std::size_t>(std::max<std::int64_t>(end_ - position, 0));
    window_.resize(std::min(std::max(wanted, window_bytes_), left));
    window_at_ = position;
    TRY_ASSIGN(const std::size_t got, file_.read_at(position, window_));
    window_.resize(got);
  }
  const auto skip = static_cast<std::size_t>(position - window_at_);
  return base::ByteSpan(window_).subspan(skip, std::min(wanted, window_.size() - skip));
}

base::Result<std::optional<kafka::RecordBatchView>> BatchScanner::next() {
  position_ = next_;
  if (position_ >= end_) return std::nullopt;
  TRY_ASSIGN(const base::ByteSpan bytes, bytes_at(position_, kafka::kBatchHeaderBytes));
  auto header = kafka::RecordBatchView::parse_header(bytes);
  if (!header) {
    return base::fail(base::Errc::kCorrupt,
                      fmt::format("{} at {}: {}", file_.path(), position_, header.error().what()));
  }
  const auto size = static_cast<std::int64_t>(header->size_bytes());
  // The base offset is not under the batch's CRC.
  if (size > end_ - position_ || header->last_offset_delta() < 0 ||
      header->base_offset() < kafka::Offset{0} ||
      header->base_offset().value() > INT64_MAX - header->last_offset_delta() - 1) {
    return base::fail(base::Errc::kCorrupt, fmt::format("{} at {}: batch of {} bytes is cut off or malformed",
                                                        file_.path(), position_, size));
  }
  next_ = position_ + size;
  return *header;
}

base::Result<kafka::RecordBatchView> BatchScanner::whole() {
  TRY_ASSIGN(const base::ByteSpan bytes, bytes_at(position_, static_cast<std::size_t>(next_ - position_)));
  return kafka::RecordBatchView::parse(bytes);
}

}  // namespace penstock::storage
