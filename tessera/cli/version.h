#pragma once
// One line that identifies the build, for `version`, `--version` and reports of faults.

#include <string>

namespace tessera::cli {

// "tessera 0.1.0 (commit 1a2b3c4, GNU 12.2.0 Release, avx512_bf16, 2 threads)"
std::string VersionLine();

}  // namespace tessera::cli
