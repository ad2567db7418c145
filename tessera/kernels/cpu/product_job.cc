#include "tessera/kernels/cpu/product_job.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include "tessera/core/storage.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/activation.h"
#include "tessera/kernels/cpu/row_groups.h"
#include "tessera/kernels/cpu/stream_ahead.h"

namespace tessera::kernels {
namespace {

// Panels whose tiles are kept at once: x is read from memory once for all of them. Together they take a quarter of a
// core's L2 at most: their rows of x and the stored panels that are asked for ahead want to stay there too.
constexpr int64_t kPanelBatch = 16, kTileBytes = int64_t{256} << 10;

// Of x, for a piece, where the outer caches do not hold all of x. Where they do it is cut no further: each block
// unpacks the weight again.
constexpr int64_t kRowBlockBytes = int64_t{3} << 19, kWholeBytes = int64_t{8} << 20;

// Groups of rows from which on panels that are unpacked once more cost less than x from the other half's caches.
constexpr int64_t kLocalGroups = 64;

// A stretch of panels of one weight times a stretch of row groups.
struct Stretch {
  const ProductJob* job;
  int64_t panel_begin, panel_end, group_begin, group_end;
};

// All of a loop, in pieces that a thread does at a time: stretches of one job or of neighbours.
struct Work {
  std::vector<Stretch> stretches;
  std::vector<size_t> ends;  // of the pieces, among the stretches
  int64_t stream_ahead = 0;  // MicroArgs::stream_ahead

  std::span<const Stretch> Piece(size_t i) const {
    const size_t begin = i == 0 ? 0 : ends[i - 1];
    return std::span(stretches).subspan(begin, ends[i] - begin);
  }
};

int64_t Groups(const ProductJob& job) { return RowGroups{job.rows, job.max_rows}.count(); }
int64_t Weights(const ProductJob& job) { return job.up != nullptr ? 2 : 1; }
// Pieces are whole multiples of that many panels, the end of a weight apart.
int64_t PieceStep(const ProductJob& job) {
  if (job.up != nullptr) return job.blocks != nullptr ? 2 : 1;
  return job.pair_kernels != nullptr ? 2 : 1;
}

// One weight's panels of a piece: as the inner loops want them, for all groups of rows.
class PanelTiles {
 public:
  PanelTiles(const ProductJob& job, std::byte* tiles) : job_(job), tiles_(tiles) {}

  void Prepare(int64_t p0, int64_t p1, int64_t begin, int64_t end) {
    first_ = p0;
    if (job_.panels != nullptr) return;
    for (int64_t p = p0; p < p1; ++p)
      panels_[static_cast<size_t>(p - p0)] =
          job_.panel(p, begin, end, tiles_ + (p - p0) * job_.chunk * job_.w_unit_bytes);
  }
  const std::byte* operator[](int64_t panel) const {
    if (job_.panels != nullptr) return job_.panels + panel * job_.panel_bytes;
    return panels_[static_cast<size_t>(panel - first_)];
  }

 private:
  const ProductJob& job_;
  std::byte* tiles_;
  int64_t first_ = 0;
  std::array<const std::byte*, kPanelBatch> panels_{};
};

// Where the panels of the next step of a piece are stored, a share for each call of an inner loop: they come from
// memory while these multiply. With few rows, as experts have them, unpacking would wait for them longer than it works.
class PanelsAhead {
 public:
  // Panels begin … end - 1, asked for in that many calls of `chunk` units.
  PanelsAhead(const ProductJob& job, int64_t begin, int64_t end, int64_t calls) : units_(job.chunk) {
    Add(job, begin, end);
    if (job.up != nullptr) Add(*job.up, begin, end);
    int64_t bytes = 0;
    for (const auto& stretch : stretches_) bytes += std::ssize(stretch);
    at_ = 0;
    lines_ = (bytes + 64 * calls * units_ - 1) / (64 * calls * units_);
  }

  MicroAhead Next() {
    while (at_ < stretches_.size() && stretches_[at_].empty()) ++at_;
    if (at_ == stretches_.size()) return {};
    std::span<const std::byte>& stretch = stretches_[at_];
    const MicroAhead share{stretch.data(), static_cast<int>(lines_)};
    stretch = stretch.subspan(std::min(stretch.size(), static_cast<size_t>(64 * lines_ * units_)));
    return share;
  }

 private:
  void Add(const ProductJob& job, int64_t begin, int64_t end) {
    if (job.stored == nullptr || job.w_unit_bytes == 0 || begin >= end) return;
    stretches_[at_++] = {job.stored + begin * job.stored_panel_bytes,
                         static_cast<size_t>((end - begin) * job.stored_panel_bytes)};
  }

  int64_t units_, lines_ = 0;
  std::array<std::span<const std::byte>, 2> stretches_;
  size_t at_ = 0;
};

// y of the panels p … p + count - 1, one or two, for a group of rows.
void MultiplyPanels(const ProductJob& job, const PanelTiles& tiles, int64_t p, int64_t count, int64_t row, int64_t rows,
                    MicroArgs& args) {
  const int64_t first = p * kPanelRows;
  const bool finish = job.finish.y != nullptr && !job.finish.plain();
  alignas(64) float sums[kMostRows * 2 * kPanelRows];  // on their way through L1
  float* y = sums;
  args.y_stride = 2 * kPanelRows;
  if (!finish) {
    args.y_stride = job.finish.y != nullptr ? job.finish.y_stride : job.outputs;
    y = (job.finish.y != nullptr ? reinterpret_cast<float*>(job.finish.y) : job.y) + row * args.y_stride + first;
  }
  for (int64_t i = 0; i < count; ++i) {
    args.panels[static_cast<size_t>(i)] = {
        .w = tiles[p + i],
        .y = y + i * kPanelRows,
        .columns = static_cast<int>(std::min<int64_t>(kPanelRows, job.outputs - first - i * kPanelRows)),
    };
  }
  (count == 2 ? job.pair_kernels : job.kernels)[rows - 1](args);
  if (!finish) return;
  SumsToFinish part = job.finish;
  part.sums = sums;
  part.stride = 2 * kPanelRows;
  part.rows = rows;
  part.columns = std::min(count * kPanelRows, job.outputs - first);
  if (part.bias != nullptr) part.bias += first;
  part.y += (row * part.y_stride + first) * Info(part.dtype).block_bytes;
  FinishSums(part);
}

// What `count` panels of gate and as many of up give for a group of rows, side by side in rows of `stride` values. One
// weight after the other where they are not multiplied as pairs: a processor follows a stream through memory by itself,
// and begins again wherever it jumps.
void MultiplyGateAndUp(const ProductJob& job, const PanelTiles& gate, const PanelTiles& up, int64_t p, int64_t count,
                       int64_t rows, float* gates, float* ups, int64_t stride, MicroArgs& args) {
  args.y_stride = stride;
  if (job.pair_kernels != nullptr && job.pair_kernels == job.up->pair_kernels) {
    for (int64_t i = 0; i < count; ++i) {
      args.panels = {MicroPanel{.w = gate[p + i], .y = gates + i * kPanelRows},
                     MicroPanel{.w = up[p + i], .y = ups + i * kPanelRows}};
      job.pair_kernels[rows - 1](args);
    }
    return;
  }
  const auto multiply = [&](MicroKernel kernel, const PanelTiles& tiles, float* y) {
    for (int64_t i = 0; i < count; ++i) {
      args.panels[0] = {.w = tiles[p + i], .y = y + i * kPanelRows};
      kernel(args);
    }
  };
  multiply(job.kernels[rows - 1], gate, gates);
  multiply(job.up->kernels[rows - 1], up, ups);
}

// silu(gate) ∘ up for one panel and a group of rows. The two products live in L1 and are never stored.
void GatedPanel(const ProductJob& job, const PanelTiles& gate, const PanelTiles& up, int64_t p, int64_t row,
                int64_t rows, MicroArgs& args) {
  alignas(64) float gates[kMostRows * kPanelRows], ups[kMostRows * kPanelRows];
  MultiplyGateAndUp(job, gate, up, p, 1, rows, gates, ups, kPanelRows, args);
  SiluMulRow(gates, ups, rows * kPanelRows, gates);
  const int64_t columns = std::min<int64_t>(kPanelRows, job.outputs - p * kPanelRows);
  float* y = job.y + row * job.outputs + p * kPanelRows;
  for (int64_t r = 0; r < rows; ++r)
    std::memcpy(y + r * job.outputs, gates + r * kPanelRows, static_cast<size_t>(columns) * sizeof(float));
}

// Panels that one step of a piece takes for a group of that many rows, at most. One row of a gated layer takes as many
// as make the blocks that are rounded at once; rounding a single block takes as long.
int64_t PanelStep(const ProductJob& job, int64_t rows) {
  return job.blocks != nullptr && rows == 1 ? 2 * RoundedBlocks::kMost : PieceStep(job);
}

// The same for `count` panels, two for each block of the next product's x.
void GatedBlocks(const ProductJob& job, const PanelTiles& gate, const PanelTiles& up, int64_t p, int64_t count,
                 int64_t row, int64_t rows, MicroArgs& args) {
  alignas(64) float gates[kMostRows * kBlockValues], ups[kMostRows * kBlockValues];
  MultiplyGateAndUp(job, gate, up, p, count, rows, gates, ups, kBlockValues, args);
  SiluMulRow(gates, ups, rows * count * kPanelRows, gates);
  const int64_t block_bytes = XBlockBytes(job.block_format), blocks = job.outputs / kBlockValues;
  uint8_t* out = reinterpret_cast<uint8_t*>(job.blocks + (row * blocks + p / 2 * rows) * block_bytes);
  const IntegerKernels& kernels = LiveIntegerKernels();
  if (rows == 1)
    kernels.quantize_row(gates, count / 2, {p / 2, blocks}, job.block_format, 0, 1, out);
  else
    kernels.quantize_group(gates, {p / 2, blocks}, job.block_format, static_cast<int>(rows), out);
}

void RunStretch(const Stretch& stretch, int64_t stream_ahead) {
  const ProductJob& job = *stretch.job;
  const int64_t tile_bytes = job.chunk * job.w_unit_bytes, weights = Weights(job);
  const RowGroups groups{job.rows, job.max_rows};
  int64_t batch =
      std::clamp<int64_t>(tile_bytes == 0 ? kPanelBatch : kTileBytes / (tile_bytes * weights), 1, kPanelBatch);
  batch = batch < 2 ? PieceStep(job) : batch - batch % 2;
  const int64_t all_tiles = std::min(batch, stretch.panel_end - stretch.panel_begin) * tile_bytes;
  std::byte* scratch = ThreadScratch(Scratch::kTile, all_tiles * weights);
  PanelTiles tiles(job, scratch), up_tiles(job.up != nullptr ? *job.up : job, scratch + all_tiles);
  for (int64_t p0 = stretch.panel_begin; p0 < stretch.panel_end; p0 += batch) {
    const int64_t p1 = std::min(stretch.panel_end, p0 + batch);
    const int64_t steps = (p1 - p0 + PieceStep(job) - 1) / PieceStep(job),
                  chunks = (job.units + job.chunk - 1) / job.chunk;
    const int64_t calls = (stretch.group_end - stretch.group_begin) * steps * chunks;
    PanelsAhead ahead(job, p1, std::min(stretch.panel_end, p1 + batch), calls);
    for (int64_t begin = 0; begin < job.units; begin += job.chunk) {
      const int64_t end = std::min(job.units, begin + job.chunk);
      tiles.Prepare(p0, p1, begin, end);
      if (job.up != nullptr) up_tiles.Prepare(p0, p1, begin, end);
      for (int64_t g = stretch.group_begin; g < stretch.group_end; ++g) {
        const int64_t row = groups.begin(g), rows = groups.size(g);
        MicroArgs args;
        args.units = end - begin;
        args.stream_ahead = stream_ahead;
        args.x = job.x + (row * job.units + begin * rows) * job.x_unit_bytes;
        args.first = begin == 0;
        if (job.up != nullptr) {
          for (int64_t p = p0, count; p < p1; p += count) {
            count = std::min(PanelStep(job, rows), p1 - p);
            args.ahead = ahead.Next();
            if (job.blocks != nullptr) {
              GatedBlocks(job, tiles, up_tiles, p, count, row, rows, args);
            } else {
              GatedPanel(job, tiles, up_tiles, p, row, rows, args);
            }
          }
        } else {
          for (int64_t p = p0, count; p < p1; p += count) {
            count = std::min(PieceStep(job), p1 - p);
            args.ahead = ahead.Next();
            MultiplyPanels(job, tiles, p, count, row, rows, args);
          }
        }
      }
    }
  }
}

// Many rows: pieces of about equal work, few enough to be cheap, enough that threads which are held up do not hold up
// the rest. Rows come in blocks that stay in the outer caches while all panels pass them, two at least of a long
// prompt: the first half of the threads multiply the half of the rows that they arranged, whose lines their caches
// have.
Work CutRows(std::span<const ProductJob> jobs) {
  int64_t all_work = 0;
  for (const ProductJob& job : jobs) all_work += PanelCount(job.outputs) * Groups(job) * Weights(job);
  const int64_t wanted = ThreadCount() == 1 ? 1 : 4 * ThreadCount();
  const int64_t work_each = std::max<int64_t>(1, (all_work + wanted - 1) / wanted);
  std::vector<Stretch> stretches;
  for (const ProductJob& job : jobs) {
    const int64_t panels = PanelCount(job.outputs), groups = Groups(job);
    const int64_t group_bytes = job.max_rows * job.units * job.x_unit_bytes;
    const int64_t most_groups =
        groups * group_bytes <= kWholeBytes ? groups : std::max<int64_t>(1, kRowBlockBytes / group_bytes);
    const int64_t least_blocks = groups >= kLocalGroups && ThreadCount() > 1 ? 2 : 1;
    const int64_t blocks = std::max(least_blocks, (groups + most_groups - 1) / most_groups),
                  block = (groups + blocks - 1) / blocks;
    const int64_t most = groups == 1 ? panels : 2 * kPanelBatch;
    int64_t panels_each = std::clamp<int64_t>((work_each + block - 1) / block, 1, most);
    if (PieceStep(job) == 2) panels_each += panels_each % 2;
    const int64_t pieces_by_panels = (panels + panels_each - 1) / panels_each;
    const int64_t own_wanted = std::max<int64_t>(1, (panels * groups + work_each / 2) / work_each);
    const int64_t row_cuts = std::clamp<int64_t>(own_wanted / pieces_by_panels, blocks, groups);
    const int64_t groups_each = (groups + row_cuts - 1) / row_cuts;
    const int64_t step = PieceStep(job), steps = (panels + step - 1) / step;
    for (int64_t g = 0; g < groups; g += groups_each) {
      for (int64_t i = 0; i < pieces_by_panels; ++i) {
        const int64_t begin = steps * i / pieces_by_panels * step, end = steps * (i + 1) / pieces_by_panels * step;
        stretches.push_back({&job, begin, std::min(panels, end), g, std::min(groups, g + groups_each)});
      }
    }
  }
  std::stable_sort(stretches.begin(), stretches.end(),
                   [](const Stretch& a, const Stretch& b) { return a.group_begin < b.group_begin; });
  std::vector<size_t> ends(stretches.size());
  std::iota(ends.begin(), ends.end(), 1);
  return {.stretches = std::move(stretches), .ends = std::move(ends)};
}

// One group of rows of each job: what counts is memory. The panels of all jobs lie on one line, which is cut into
// pieces of as many bytes, so that a thread's share is a stream or a few, and as long as the others'. Small products
// have two pieces a thread, because each costs as much as reading some kilobytes.
Work CutLine(std::span<const ProductJob> jobs) {
  constexpr double kPieceBytes = 256 << 10;
  const auto panel_bytes = [](const ProductJob& job) {
    return static_cast<double>(Weights(job) * (job.stored != nullptr ? job.stored_panel_bytes : 64 * job.units));
  };
  double bytes = 0;
  for (const ProductJob& job : jobs) bytes += panel_bytes(job) * static_cast<double>(PanelCount(job.outputs));
  const int64_t threads = ThreadCount();
  const int64_t each =
      threads == 1 ? 1 : std::clamp(std::llround(bytes / kPieceBytes / static_cast<double>(threads)), 2LL, 8LL);
  const int64_t count = threads * each;
  Work work;
  work.stream_ahead = StreamAhead();
  double before = 0;  // bytes of the jobs that are cut already
  int64_t piece = 1;
  for (const ProductJob& job : jobs) {
    const int64_t panels = PanelCount(job.outputs), step = PieceStep(job);
    const double own = panel_bytes(job);
    for (int64_t begin = 0; begin < panels;) {
      const double until = bytes * static_cast<double>(piece) / static_cast<double>(count) - before;
      const int64_t steps = std::llround(until / own / static_cast<double>(step));
      const int64_t end = piece == count ? panels : std::clamp(steps * step, begin, panels);
      if (end > begin) work.stretches.push_back({&job, begin, end, 0, 1});
      begin = end;
      if (end == panels) break;
      work.ends.push_back(work.stretches.size());
      ++piece;
    }
    before += own * static_cast<double>(panels);
  }
  work.ends.resize(static_cast<size_t>(count), work.stretches.size());
  return work;
}

}  // namespace

void RunProductJobs(std::span<const ProductJob> jobs) {
  if (jobs.empty()) return;
  const bool line = std::ranges::all_of(jobs, [](const ProductJob& job) { return Groups(job) == 1; });
  const Work work = line ? CutLine(jobs) : CutRows(jobs);
  ParallelFor(std::ssize(work.ends), [&](int64_t i) {
    for (const Stretch& stretch : work.Piece(static_cast<size_t>(i))) RunStretch(stretch, work.stream_ahead);
  });
}

std::byte* ThreadScratch(Scratch purpose, int64_t bytes) {
  struct Buffer {
    std::shared_ptr<std::byte> data;
    int64_t bytes = 0;
  };
  thread_local std::array<Buffer, 4> buffers;
  Buffer& buffer = buffers[static_cast<size_t>(purpose)];
  if (buffer.bytes < bytes) {
    buffer.data.reset();  // before the larger one comes
    buffer = {AllocateStorage(bytes), bytes};
  }
  return buffer.data.get();
}

}  // namespace tessera::kernels
