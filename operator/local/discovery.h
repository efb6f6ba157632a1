// What clients ask first: which groups, versions and resources there are, and their schemas.
//
// Threads: pure functions.
#pragma once

#include <string_view>

#include "operator/local/kinds.h"

namespace penstock::local {

Json version_info();
// GET /api and /apis.
Json core_versions();
Json group_list(const Kinds& kinds);
// GET /apis/GROUP; null JSON when there is no such group.
Json group_info(const Kinds& kinds, std::string_view group);
// GET /api/v1 and /apis/GROUP/VERSION; null JSON when there is no such version.
Json resource_list(const Kinds& kinds, std::string_view group, std::string_view version);

// GET /openapi/v3 and /openapi/v3/PATH. Schemas of custom kinds are whole; those of built-in kinds say only
// that they are objects.
Json openapi_index(const Kinds& kinds);
Json openapi_document(const Kinds& kinds, std::string_view path);

}  // namespace penstock::local
