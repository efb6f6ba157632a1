#include "broker/net/frame_buffer.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::net {
namespace {

std::string framed(const std::string& body) {
  base::ByteWriter writer;
  writer.write_int32(static_cast<std::int32_t>(body.size()));
  writer.write_text(body);
  return std::string(base::as_text(writer.span()));
}

// Feeds `bytes` in steps of at most `step` and collects the frames, with their owners kept.
std::vector<Frame> feed(FrameBuffer& buffer, const std::string& bytes, std::size_t step) {
  std::vector<Frame> frames;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const auto space = buffer.space();
    EXPECT_FALSE(space.empty());
    const std::size_t n = std::min({step, space.size(), bytes.size() - at});
    std::memcpy(space.data(), bytes.data() + at, n);
    buffer.received(n);
    at += n;
    for (;;) {
      auto next = buffer.next_frame();
      EXPECT_TRUE(next.has_value());
      if (!next || !*next) break;
      frames.push_back(std::move(**next));
    }
  }
  return frames;
}

TEST(FrameBuffer, FindsFramesHoweverTheyArrive) {
  std::string bytes;
  std::vector<std::string> bodies;
  for (std::size_t i = 0; i < 200; ++i) {
    bodies.push_back(std::string(i * 37 % 9000, static_cast<char>('a' + i % 26)));
    bytes += framed(bodies.back());
  }
  bodies.push_back(std::string(700'000, 'Z'));
  bytes += framed(bodies.back());
  for (const std::size_t step : {std::size_t{1000}, std::size_t{4096}, std::size_t{65'537}, bytes.size()}) {
    FrameBuffer buffer(1 << 20);
    const auto frames = feed(buffer, bytes, step);
    ASSERT_EQ(frames.size(), bodies.size()) << step;
    // Compared at the end: a frame stays as it was while later ones arrive.
    for (std::size_t i = 0; i < frames.size(); ++i)
      ASSERT_EQ(base::as_text(frames[i].bytes), bodies[i]) << step << " " << i;
    EXPECT_EQ(buffer.pending_bytes(), 0U);
  }
}

TEST(FrameBuffer, ByteByByte) {
  FrameBuffer buffer(100);
  const auto frames = feed(buffer, framed("abc") + framed("") + framed("d"), 1);
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(base::as_text(frames[0].bytes), "abc");
  EXPECT_EQ(frames[1].bytes.size(), 0U);
}

TEST(FrameBuffer, RefusesNegativeAndOversizedLengths) {
  for (const auto& [length, code] :
       {std::pair{-1, base::Errc::kCorrupt}, std::pair{101, base::Errc::kLimitExceeded}}) {
    FrameBuffer buffer(100);
    base::ByteWriter writer;
    writer.write_int32(length);
    std::memcpy(buffer.space().data(), writer.span().data(), 4);
    buffer.received(4);
    const auto next = buffer.next_frame();
    ASSERT_FALSE(next.has_value());
    EXPECT_EQ(next.error().code(), code);
  }
}

TEST(FrameBuffer, AnAnnouncedSizeAllocatesNothing) {
  FrameBuffer buffer(100 << 20);
  base::ByteWriter writer;
  writer.write_int32(100 << 20);
  std::memcpy(buffer.space().data(), writer.span().data(), 4);
  buffer.received(4);
  ASSERT_TRUE(buffer.next_frame().has_value());
  EXPECT_LE(buffer.space().size(), FrameBuffer::kBlockBytes);
}

TEST(FrameBuffer, ALargeFrameAfterAnotherIsReadInPlace) {
  constexpr std::size_t kBody = 700'000;
  FrameBuffer buffer(1 << 20);
  const std::string bytes = framed(std::string(kBody, 'a'));
  const auto first = feed(buffer, bytes, bytes.size());
  ASSERT_EQ(first.size(), 1U);
  // The next one, of which only a part has come: there is room for all of it and for nothing else.
  std::memcpy(buffer.space().data(), bytes.data(), 1000);
  buffer.received(1000);
  ASSERT_FALSE(buffer.next_frame()->has_value());
  EXPECT_EQ(buffer.space().size(), bytes.size() - 1000);
}

TEST(FrameBuffer, TheSizeOfAFrameIsForgotten) {
  FrameBuffer buffer(1 << 20);
  const std::string large = framed(std::string(700'000, 'a'));
  ASSERT_EQ(feed(buffer, large, large.size()).size(), 1U);
  for (int i = 0; i < 50; ++i) ASSERT_EQ(feed(buffer, framed("small"), 100).size(), 1U);
  buffer.release_if_empty();
  EXPECT_EQ(buffer.space().size(), FrameBuffer::kBlockBytes);
}

}  // namespace
}  // namespace penstock::net
