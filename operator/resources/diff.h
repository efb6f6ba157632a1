// What differs between an object as we want it and as it is.
//
// Threads: pure functions.
#pragma once

#include "operator/resources/schema.h"

namespace penstock::resources {

// Whether `live` has everything that `desired` has. What the server or others added does not count, further
// items in lists of objects included; quantities are compared by value ("1000m", "1" and 1 are the same).
// What is no longer desired shows in the hash that desired objects carry.
bool is_covered(const Json& desired, const Json& live);

// The JSON merge patch that turns `from` into `to`; an empty object when they are equal.
Json merge_patch_between(const Json& from, const Json& to);

}  // namespace penstock::resources
