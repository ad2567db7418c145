#pragma once
// The option --cache-type: how a command keeps keys and values.

#include <CLI/CLI.hpp>
#include <string>

#include "tessera/core/dtype.h"

namespace tessera::cli {

inline constexpr const char* kAutomaticCacheType = "auto";

// `name` must outlive the command.
void AddCacheType(CLI::App& command, std::string& name);

// The type that a value of the option stands for; "auto" is what this processor's attention is fastest with.
DType CacheDType(const std::string& name);

}  // namespace tessera::cli
