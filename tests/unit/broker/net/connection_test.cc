#include "broker/net/connection.h"

#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/aio/completion.h"
#include "base/aio/sim_scheduler.h"

namespace penstock::net {
namespace {

// The far end of a connection: what the client sent and what it has received.
struct Wire {
  std::string to_server;
  std::string to_client;
  std::size_t write_room = SIZE_MAX;  // How much the client still takes.
  bool is_closed = false;
  std::function<void()> on_readable;
  std::function<void()> on_writable;
};

class FakeChannel final : public Channel {
 public:
  explicit FakeChannel(Wire& wire) : wire_(wire) {}
  base::Result<IoStatus> try_read(std::span<std::uint8_t> into) override {
    const std::size_t n = std::min(into.size(), wire_.to_server.size());
    if (n == 0) return IoStatus{.would_block = true};
    std::memcpy(into.data(), wire_.to_server.data(), n);
    wire_.to_server.erase(0, n);
    return IoStatus{.bytes = n};
  }
  base::Result<IoStatus> try_write(std::span<const iovec> parts, bool) override {
    std::size_t done = 0;
    for (const iovec& part : parts) {
      const std::size_t n = std::min(part.iov_len, wire_.write_room);
      wire_.to_client.append(static_cast<const char*>(part.iov_base), n);
      wire_.write_room -= n;
      done += n;
    }
    if (done == 0) return IoStatus{.would_block = true};
    return IoStatus{.bytes = done};
  }
  base::Result<IoStatus> try_send_file(int, std::int64_t, std::size_t) override { return IoStatus{}; }
  void wait_readable(std::function<void()> ready) override { wire_.on_readable = std::move(ready); }
  void wait_writable(std::function<void()> ready) override { wire_.on_writable = std::move(ready); }
  void close() override {
    wire_.is_closed = true;
    wire_.on_readable = nullptr;
    wire_.on_writable = nullptr;
  }
  const std::string& peer_host() const override { return host_; }

 private:
  Wire& wire_;
  const std::string host_ = "client";
};

// Requests are one letter: lower case is pipelined, upper case runs alone. Each waits until answered by the
// test.
class HeldSink final : public RequestSink {
 public:
  bool is_pipelined(base::ByteSpan frame) const override { return std::islower(frame[0]) != 0; }
  aio::Task<Response> handle(const ConnectionInfo&, aio::Reactor&, aio::CancelToken, Frame frame) override {
    const std::string name(base::as_text(frame.bytes));
    started.push_back(name);
    auto completion = held[name];
    co_return co_await completion.wait();
  }
  void answer(const std::string& name, bool must_close = false) {
    Response response;
    OutPart part;
    const std::string text = "<" + name + ">";
    part.bytes.assign(text.begin(), text.end());
    response.parts.push_back(std::move(part));
    response.must_close = must_close;
    held[name].set(std::move(response));
  }
  // What nobody answers would never end.
  void answer_all() {
    for (const auto& [name, completion] : held) completion.set(Response{});
  }
  std::vector<std::string> started;
  std::map<std::string, aio::Completion<Response>> held;
};

struct Fixture : ::testing::Test {
  Fixture() {
    ConnectionLimits limits;
    limits.requests_in_flight_max = 3;
    limits.out_bytes_max = 1024;  // Two answers with what they cost.
    connection = std::make_shared<Connection>(ConnectionInfo{1, "client", "PLAINTEXT"},
                                              std::make_unique<FakeChannel>(wire), reactor, sink, limits,
                                              [this](std::uint64_t) { ++closed; });
    connection->start();
  }
  ~Fixture() override {
    connection->close();
    sink.answer_all();
  }

  void send(const std::vector<std::string>& requests) {
    base::ByteWriter writer;
    for (const std::string& request : requests) {
      writer.write_int32(static_cast<std::int32_t>(request.size()));
      writer.write_text(request);
    }
    wire.to_server += base::as_text(writer.span());
    if (auto ready = std::exchange(wire.on_readable, nullptr)) ready();
  }

  aio::SimScheduler scheduler{1};
  aio::SimReactor reactor{scheduler};
  Wire wire;
  HeldSink sink;
  int closed = 0;
  std::shared_ptr<Connection> connection;
};

using Names = std::vector<std::string>;

TEST_F(Fixture, AnswersPipelinedRequestsInOrder) {
  send({"a", "b"});
  EXPECT_EQ(sink.started, (Names{"a", "b"}));
  sink.answer("b");
  EXPECT_EQ(wire.to_client, "");
  sink.answer("a");
  EXPECT_EQ(wire.to_client, "<a><b>");
}

TEST_F(Fixture, ALoneRequestWaitsForThoseBeforeAndHoldsThoseAfter) {
  send({"a", "B", "c"});
  EXPECT_EQ(sink.started, (Names{"a"}));
  sink.answer("a");
  EXPECT_EQ(sink.started, (Names{"a", "B"}));
  sink.answer("B");
  EXPECT_EQ(sink.started, (Names{"a", "B", "c"}));
  sink.answer("c");
  EXPECT_EQ(wire.to_client, "<a><B><c>");
}

TEST_F(Fixture, BoundsRequestsInFlight) {
  send({"a", "b", "c", "d", "e"});
  EXPECT_EQ(sink.started, (Names{"a", "b", "c"}));
  sink.answer("a");
  EXPECT_EQ(sink.started, (Names{"a", "b", "c", "d"}));
}

TEST_F(Fixture, AClientThatDoesNotReadStopsBeingServed) {
  wire.write_room = 0;
  send({"a", "b"});
  sink.answer("a");
  sink.answer("b");
  send({"c"});
  // Two answers wait to be written: as much as may.
  EXPECT_EQ(sink.started, (Names{"a", "b"}));
  wire.write_room = SIZE_MAX;
  std::exchange(wire.on_writable, nullptr)();
  EXPECT_EQ(wire.to_client, "<a><b>");
  EXPECT_EQ(sink.started, (Names{"a", "b", "c"}));
  sink.answer("c");
}

TEST_F(Fixture, AFrameHeldBackByAFullOutputIsStartedOnceThatIsWritten) {
  // Each answer is ready at once and three bytes long; two of them are over the bound of four.
  for (const char* name : {"a", "b", "c", "d", "e"}) sink.answer(name);
  send({"a", "b", "c", "d", "e"});
  EXPECT_EQ(wire.to_client, "<a><b><c><d><e>");
  EXPECT_TRUE(wire.on_readable != nullptr) << "it reads on";
}

TEST_F(Fixture, ClosesAfterTheAnswersBeforeAClosingOne) {
  send({"a", "b", "c"});
  sink.answer("b", true);
  EXPECT_FALSE(wire.is_closed);
  sink.answer("a");
  EXPECT_EQ(wire.to_client, "<a><b>");
  EXPECT_TRUE(wire.is_closed);
  EXPECT_EQ(closed, 1);
  sink.answer("c");
  EXPECT_EQ(wire.to_client, "<a><b>");
}

TEST_F(Fixture, ARequestThatTricklesInIsNoActivity) {
  const auto receive = [this](const std::string& bytes) {
    scheduler.run_for(base::seconds(1));
    wire.to_server += bytes;
    std::exchange(wire.on_readable, nullptr)();
    return reactor.now() == connection->last_active();
  };
  constexpr std::size_t kBody = 2 * Connection::kProgressBytes;
  base::ByteWriter length;
  length.write_int32(kBody);
  EXPECT_FALSE(receive(std::string(base::as_text(length.span()))));
  EXPECT_FALSE(receive("a"));
  EXPECT_FALSE(receive("b"));
  EXPECT_TRUE(receive(std::string(Connection::kProgressBytes, 'c'))) << "slow, but getting there";
  EXPECT_FALSE(receive(std::string(kBody - Connection::kProgressBytes - 3, 'd')));
  EXPECT_TRUE(receive("e")) << "it is whole";
  EXPECT_EQ(sink.started.size(), 1U);
}

// Answers at once.
class InlineSink final : public RequestSink {
 public:
  bool is_pipelined(base::ByteSpan) const override { return false; }
  aio::Task<Response> handle(const ConnectionInfo&, aio::Reactor&, aio::CancelToken, Frame) override {
    ++handled;
    co_return Response{};
  }
  std::size_t handled = 0;
};

TEST(Connection, ABurstOfSmallRequestsLetsOthersHaveTheirTurn) {
  aio::SimScheduler scheduler(1);
  aio::SimReactor reactor(scheduler);
  Wire wire;
  InlineSink sink;
  auto connection = std::make_shared<Connection>(ConnectionInfo{1, "client", "PLAINTEXT"},
                                                 std::make_unique<FakeChannel>(wire), reactor, sink,
                                                 ConnectionLimits{}, [](std::uint64_t) {});
  connection->start();
  constexpr std::size_t kBurst = 3 * Connection::kRequestsPerTurnMax + 1;
  for (std::size_t i = 0; i < kBurst; ++i) wire.to_server += std::string("\0\0\0\1x", 5);
  std::exchange(wire.on_readable, nullptr)();
  EXPECT_EQ(sink.handled, Connection::kRequestsPerTurnMax);
  while (scheduler.step()) {
  }
  EXPECT_EQ(sink.handled, kBurst);
  connection->close();
}

TEST_F(Fixture, AnOversizedFrameEndsTheConnection) {
  wire.to_server = std::string("\x7f\xff\xff\xff", 4);
  std::exchange(wire.on_readable, nullptr)();
  EXPECT_TRUE(wire.is_closed);
  EXPECT_EQ(closed, 1);
}

}  // namespace
}  // namespace penstock::net
