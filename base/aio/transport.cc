#include "base/aio/transport.h"

namespace penstock::aio {

Task<base::Result<>> read_exactly(Stream& stream, std::span<std::uint8_t> buffer) {
  while (!buffer.empty()) {
    CO_TRY_ASSIGN(const std::size_t got, co_await stream.read_some(buffer));
    if (got == 0) co_return base::fail(base::Errc::kUnavailable, "the peer closed the connection");
    buffer = buffer.subspan(got);
  }
  co_return base::Result<>{};
}

}  // namespace penstock::aio
