#pragma once
// The option --device: where a command computes.

#include <CLI/CLI.hpp>
#include <string>

#include "tessera/core/tensor.h"

namespace tessera::cli {

inline constexpr const char* kDefaultDevice = "cpu";

// `name` must outlive the command.
void AddDevice(CLI::App& command, std::string& name);

// The device that a value of the option stands for. Throws Error for a GPU that is not there, or that this build does
// not speak to; says which.
Device DeviceFromName(const std::string& name);

}  // namespace tessera::cli
