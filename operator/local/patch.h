// The patch formats of the Kubernetes API other than apply: RFC 7386, RFC 6902 and strategic merge.
//
// Source: https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
// Threads: pure functions.
#pragma once

#include "operator/local/object.h"

namespace penstock::local {

Json merge_patch(Json object, const Json& patch);

// ERRORS: kInvalidArgument naming the operation that failed.
base::Result<Json> json_patch(const Json& object, const Json& patch);

// Lists of built-in kinds are merged by their keys; $patch: delete|replace and $deleteFromPrimitiveList are
// understood.
Json strategic_merge_patch(Json object, const Json& patch);

}  // namespace penstock::local
