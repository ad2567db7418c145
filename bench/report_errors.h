#pragma once
// How the programs of this folder end on an error: its text on the error output, exit code 1.

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <string_view>

namespace tessera::bench {

// run()'s exit code; 1 if it throws.
template <typename Run>
int ReportErrors(std::string_view program, Run run) {
  try {
    return run();
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", program, error.what());
    return 1;
  }
}

}  // namespace tessera::bench
