// One client connection: frames in, requests to the sink, responses out in the order of the requests.
//
// All frames of a read are taken at once and all responses that are ready leave in one write. Pipelined
// requests (Produce, Fetch) run side by side; any other waits until those before it are answered and runs
// alone. Reading stops while a lone request runs or while too much is in flight, so a client that does not
// read its answers costs a bounded amount.
//
// Threads: one reactor.
// Lifetime: shared; kept alive by its pending operations, and by requests that run. After close() the owner's
// `closed` call-back is made once and the object goes when the last request has ended.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/aio/cancel.h"
#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "broker/net/channel.h"
#include "broker/net/frame_buffer.h"
#include "broker/net/request_sink.h"

namespace penstock::net {

struct ConnectionLimits {
  std::int32_t frame_bytes_max = 104'857'600;  // socket.request.max.bytes
  std::size_t requests_in_flight_max = 64;
  std::size_t bytes_in_flight_max = 128 << 20;
  // No further request is started while more than this waits to be written.
  std::size_t out_bytes_max = 8 << 20;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(ConnectionInfo info, std::unique_ptr<Channel> channel, aio::Reactor& reactor, RequestSink& sink,
             ConnectionLimits limits, std::function<void(std::uint64_t id)> closed);
  ~Connection();

  void start();
  // Ends the connection at once; requests that run are told by their token.
  void close();

  const ConnectionInfo& info() const { return info_; }
  // When a request last came whole, kProgressBytes of one had come, or bytes of an answer went: a client that
  // lets a request trickle in is not active.
  base::MonoTime last_active() const { return last_active_; }
  bool is_idle() const { return slots_.empty(); }

  static constexpr std::size_t kProgressBytes = 64 * 1024;
  // Requests started in one turn of the reactor.
  static constexpr std::size_t kRequestsPerTurnMax = 256;

 private:
  struct Slot {
    std::size_t request_bytes = 0;
    std::optional<Response> response;
  };

  void read_ready();
  bool read_once();
  void take_frames();
  void go_on();
  void start_request(Frame frame);
  static aio::Task<> run_request(std::shared_ptr<Connection> self, std::uint64_t sequence, Frame frame);
  void complete(std::uint64_t sequence, Response response);
  bool may_start(base::ByteSpan frame) const;
  void rest();
  void arm_read();
  void set_active();
  void flush();
  bool write_some();
  void fail(const base::Error& error);

  const ConnectionInfo info_;
  const std::unique_ptr<Channel> channel_;
  aio::Reactor& reactor_;
  RequestSink& sink_;
  const ConnectionLimits limits_;
  std::function<void(std::uint64_t)> closed_;

  FrameBuffer in_;
  std::optional<Frame> held_;  // A frame that must wait for those before it.
  std::deque<Slot> slots_;     // Requests in order, at most requests_in_flight_max.
  std::uint64_t first_sequence_ = 0;
  std::size_t bytes_in_flight_ = 0;
  bool is_alone_running_ = false;
  std::size_t turn_left_ = kRequestsPerTurnMax;  // Requests that may start before others have their turn.
  bool is_resting_ = false;

  std::deque<OutPart> out_;    // What is being written.
  std::size_t out_done_ = 0;   // Bytes of out_.front() already written.
  std::size_t out_bytes_ = 0;  // Sum over out_.
  bool close_after_out_ = false;

  bool is_read_armed_ = false;
  bool is_write_armed_ = false;
  bool is_taking_ = false;
  bool is_closed_ = false;
  base::MonoTime last_active_;
  std::size_t received_ = 0;  // Since then.
  aio::CancelSource disconnected_;
};

}  // namespace penstock::net
