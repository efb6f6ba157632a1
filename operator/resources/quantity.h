// Kubernetes quantities: "10Gi", "500m", "1e3".
//
// Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
#pragma once

#include <string_view>

#include "base/error.h"

namespace penstock::resources {

// ERRORS: kInvalidArgument when it is none.
base::Result<double> parse_quantity(std::string_view text);

}  // namespace penstock::resources
