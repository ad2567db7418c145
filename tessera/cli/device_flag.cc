#include "tessera/cli/device_flag.h"

#include "tessera/core/gpu.h"

namespace tessera::cli {

void AddDevice(CLI::App& command, std::string& name) {
  command
      .add_option("--device", name,
                  "Where to compute: cpu, or cuda (a Hopper GPU; Llama, Qwen2, Qwen2-VL and Qwen2.5-VL)")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
}

Device DeviceFromName(const std::string& name) {
  if (name != "cuda") return Device::kCpu;
  gpu::RequireAvailable();
  return Device::kCuda;
}

}  // namespace tessera::cli
