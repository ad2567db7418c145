#pragma once
// What a GPU can do at best, measured: the limits that a benchmark's results are held against. On an idle GPU.

#include <string>

namespace tessera::kernels::cuda {

std::string GpuName();
// Bytes a second that a copy of 1 GiB within the GPU's memory reads and writes together; the median of several.
double MeasureCopyBandwidth();
// Operations a second of a bf16 product of 8192³ on random numbers by the vendor's library; the median of several.
double MeasureBf16Peak();

}  // namespace tessera::kernels::cuda
