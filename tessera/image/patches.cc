#include "tessera/image/patches.h"

#include <algorithm>
#include <vector>

#include "tessera/core/thread_pool.h"

namespace tessera::image {

PatchGrid GridOf(const ImageSize& size, int64_t frame_count, const PatchOptions& options) {
  const int64_t block = options.patch * options.merge;
  Require(frame_count > 0 && size.height > 0 && size.width > 0 && size.height % block == 0 && size.width % block == 0,
          "patches: {} frames of {} x {} pixels; there must be one at least, and sides that are multiples of {}",
          frame_count, size.width, size.height, block);
  return {(frame_count + options.frames - 1) / options.frames, size.height / options.patch, size.width / options.patch};
}

Tensor MergedPatches(std::span<const Tensor> frames, const PatchOptions& options) {
  Require(!frames.empty(), "patches: there is no frame");
  const ImageSize size = SizeOf(frames[0], "patches");
  for (const Tensor& frame : frames)
    Require(frame.shape() == Shape{size.height, size.width, 3} && frame.dtype() == DType::kU8 && frame.contiguous(),
            "patches: frames must be u8 [{}, {}, 3] like the first", size.height, size.width);
  const PatchGrid grid = GridOf(size, std::ssize(frames), options);
  const int64_t p = options.patch, m = options.merge, s = options.frames, area = p * p, blocks = grid.w / m;
  // Each of the 256 values of each colour, once.
  std::array<std::array<float, 256>, 3> values;
  for (size_t c = 0; c < 3; ++c)
    for (size_t i = 0; i < 256; ++i)
      values[c][i] = static_cast<float>((static_cast<double>(i) / 255 - options.mean[c]) / options.std[c]);
  Tensor patches = Tensor::Empty({grid.patches(), 3 * s * area});
  float* out = patches.mutable_data<float>().data();
  const auto frame_of = [&](int64_t i) { return std::min(i, std::ssize(frames) - 1); };
  // Colour c of one frame's part of a patch. A repeated frame's is the one before it.
  const auto fill_patch = [&](size_t c, int64_t frame, int64_t top, int64_t left, float* to) {
    if (frame % s != 0 && frame_of(frame) == frame_of(frame - 1)) {
      std::copy_n(to - area, area, to);
      return;
    }
    const uint8_t* pixels = frames[static_cast<size_t>(frame_of(frame))].data<uint8_t>().data() + c;
    for (int64_t y = 0; y < p; ++y) {
      const uint8_t* from = pixels + ((top + y) * size.width + left) * 3;
      for (int64_t x = 0; x < p; ++x) *to++ = values[c][from[3 * x]];
    }
  };
  // One row of blocks is one piece of work.
  ParallelFor(grid.t * (grid.h / m), [&](int64_t work) {
    const int64_t t = work / (grid.h / m), block_row = work % (grid.h / m);
    float* row = out + work * blocks * m * m * 3 * s * area;
    for (int64_t block = 0; block < blocks; ++block) {
      for (int64_t i = 0; i < m * m; ++i, row += 3 * s * area) {
        const int64_t top = (block_row * m + i / m) * p, left = (block * m + i % m) * p;
        for (size_t c = 0; c < 3; ++c)
          for (int64_t f = 0; f < s; ++f)
            fill_patch(c, t * s + f, top, left, row + (static_cast<int64_t>(c) * s + f) * area);
      }
    }
  });
  return patches;
}

}  // namespace tessera::image
