#pragma once
// The option --cache-type: how a command keeps keys and values.

#include <CLI/CLI.hpp>
#include <string>

#include "tessera/core/tensor.h"

namespace tessera::cli {

inline constexpr const char* kAutomaticCacheType = "auto";

// `name` must outlive the command.
void AddCacheType(CLI::App& command, std::string& name);

// The type that a value of the option stands for; "auto" is what attention is fastest with there.
DType CacheDType(const std::string& name, Device device = Device::kCpu);

}  // namespace tessera::cli
