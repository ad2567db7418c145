#include "tessera/image/video.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "tessera/core/child_process.h"

namespace tessera::image {
namespace {

// Frames in the format PPM, one after the other, from a stream that comes in pieces of any size:
//
//   "P6\n" width " " height "\n255\n"   then width · height · 3 bytes
class PpmStream {
 public:
  explicit PpmStream(const VideoOptions& options) : options_(options) {}

  void Take(std::string_view piece) {
    while (!piece.empty()) {
      if (!frame_) TakeHeader(piece);
      if (frame_) TakePixels(piece);
    }
  }

  // The frames. Throws Error if the stream ends within one.
  std::vector<Tensor> Finish() {
    Require(header_.empty() && !frame_, "video: the last frame is cut short");
    return std::move(frames_);
  }

 private:
  static constexpr size_t kLongestHeader = 64;
  const VideoOptions& options_;
  std::string header_;
  std::optional<Tensor> frame_;  // being filled
  size_t filled_ = 0;
  int64_t bytes_ = 0;
  std::vector<Tensor> frames_;

  void TakeHeader(std::string_view& piece) {
    int lines = static_cast<int>(std::ranges::count(header_, '\n'));
    while (!piece.empty() && lines < 3) {
      header_ += piece.front();
      lines += piece.front() == '\n';
      piece.remove_prefix(1);
      Require(header_.size() <= kLongestHeader, "video: ffmpeg wrote no frames in the format PPM");
    }
    if (lines == 3) Start();
  }

  int64_t Number(std::string_view text) const {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    Require(error == std::errc() && end == text.data() + text.size() && value > 0,
            "video: a frame's header says \"{}\" where a number belongs", text);
    return value;
  }

  // The header is whole: judges the size and makes room.
  void Start() {
    const std::string_view header = header_;
    const size_t first = header.find('\n'), second = header.find('\n', first + 1);
    const std::string_view size = header.substr(first + 1, second - first - 1);
    const size_t space = size.find(' ');
    Require(header.substr(0, first) == "P6" && space != std::string_view::npos && header.substr(second + 1) == "255\n",
            "video: ffmpeg wrote no frames in the format PPM");
    const int64_t width = Number(size.substr(0, space)), height = Number(size.substr(space + 1));
    const ImageLimits& limits = options_.limits;
    Require(width <= limits.max_pixels / height, "video: frames of {} x {} pixels; the limit is {}", width, height,
            limits.max_pixels);
    Require(std::max(width, height) / limits.max_aspect <= std::min(width, height),
            "video: frames of {} x {} pixels: one side is more than {} times the other", width, height,
            limits.max_aspect);
    Require(std::ssize(frames_) < options_.max_frames,
            "video: it has more than {} frames at {} a second; choose a lower rate", options_.max_frames,
            options_.frames_per_second);
    const Shape shape{height, width, 3};
    Require(frames_.empty() || frames_[0].shape() == shape, "video: frames of {} and of {} pixels in one video",
            frames_.empty() ? shape : frames_[0].shape(), shape);
    bytes_ += shape.numel();
    Require(bytes_ <= options_.max_bytes,
            "video: its frames at {} a second take more than {} MB; choose a lower rate or a smaller video",
            options_.frames_per_second, options_.max_bytes >> 20);
    frame_ = Tensor::Empty(shape, DType::kU8);
    filled_ = 0;
    header_.clear();
  }

  void TakePixels(std::string_view& piece) {
    const auto whole = static_cast<size_t>(frame_->bytes());
    const size_t count = std::min(piece.size(), whole - filled_);
    std::copy_n(piece.data(), count, reinterpret_cast<char*>(frame_->mutable_raw()) + filled_);
    piece.remove_prefix(count);
    filled_ += count;
    if (filled_ < whole) return;
    frames_.push_back(*std::exchange(frame_, std::nullopt));
  }
};

std::string LastLine(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  const size_t line = text.rfind('\n');
  return std::string(line == std::string_view::npos ? text : text.substr(line + 1));
}

}  // namespace

Video ReadVideo(const std::filesystem::path& path, const VideoOptions& options) {
  const double rate = options.frames_per_second;
  Require(std::isfinite(rate) && rate >= 0.001 && rate <= 1000, "video: a rate of {} frames a second", rate);
  Require(std::filesystem::is_regular_file(path) && std::ifstream(path).good(), "{}: cannot open the video",
          path.string());
  return WithContext(path.string(), [&] {
    PpmStream stream(options);
    bool started = false;
    ChildResult result;
    try {
      result = RunChild({"ffmpeg",
                         "-nostdin",
                         "-v",
                         "error",
                         "-protocol_whitelist",
                         "file",
                         "-i",
                         "file:" + path.string(),
                         "-map",
                         "0:v:0",
                         "-vf",
                         fmt::format("fps={}", rate),
                         "-frames:v",
                         fmt::format("{}", options.max_frames + 1),
                         "-f",
                         "image2pipe",
                         "-c:v",
                         "ppm",
                         "-pix_fmt",
                         "rgb24",
                         "pipe:1"},
                        {.on_output =
                             [&](std::string_view piece) {
                               started = true;
                               stream.Take(piece);
                             },
                         .on_tick = [&] { started = true; }});
    } catch (const Error& error) {
      if (started) throw;
      Fail("video: the program ffmpeg takes videos apart, and it is not here ({}); on Debian: apt install ffmpeg",
           error.what());
    }
    Require(result.exit_code == 0, "video: ffmpeg cannot read it: {}", LastLine(result.errors));
    Video video{.frames = stream.Finish(), .frames_per_second = rate};
    Require(!video.frames.empty(), "video: there is no frame in it");
    return video;
  });
}

}  // namespace tessera::image
