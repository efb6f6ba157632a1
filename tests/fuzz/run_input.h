// What a fuzz target that is linked with quiet_main.cc defines.
#pragma once

#include "base/bytes.h"

namespace penstock::testing {

void run_input(base::ByteReader& input);

}  // namespace penstock::testing
