// libFuzzer's entry points for targets whose code logs what it refuses: an input is no event worth a line.
#include "base/log.h"
#include "tests/fuzz/run_input.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  penstock::base::set_log_level(penstock::base::LogLevel::kError);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::base::ByteReader input({data, size});
  penstock::testing::run_input(input);
  return 0;
}
