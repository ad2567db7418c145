#pragma once
// JSON lines: one value a line in, one value a line out, in the same order.

#include <cstdio>
#include <functional>

#include "tessera/core/json.h"

namespace tessera::cli {

// Calls `body` with the object of each line of `in` and writes what it returns to `out` as one line. Empty lines are
// passed over. Each result is written before the next line is read, so a program may ask and wait.
// Throws Error "line 3: …" for a line that is not a JSON object, for one beyond 256 MiB and for what `body` throws; the
// results before it are written.
void MapJsonLines(std::FILE* in, std::FILE* out, const std::function<Json(const Json&)>& body);

}  // namespace tessera::cli
