#pragma once
// Frames of a video, taken at an even rate.
//
//   Video video = image::ReadVideo("clip.mp4", {.frames_per_second = 2});
//   video.frames[0]                                                        // u8 [H, W, 3], turned as the file says
//
// The program `ffmpeg` takes the file apart in a process of its own: its libraries read hundreds of formats and are
// under the GPL in many distributions, so they are not linked. It is told to open files and nothing else, whatever a
// playlist in the file may ask for. Only the bytes of pixels that it writes are believed, after their sizes have been
// judged.

#include <filesystem>
#include <vector>

#include "tessera/image/decode.h"

namespace tessera::image {

struct VideoOptions {
  double frames_per_second = 2;          // of the frames taken, whatever the file has
  int64_t max_frames = 768;              // more are an error: a lower rate is the caller's choice
  int64_t max_bytes = int64_t{1} << 30;  // of all frames
  ImageLimits limits = {};               // of each
};

struct Video {
  std::vector<Tensor> frames;  // u8 [H, W, 3] of one size, at least one
  double frames_per_second = 0;
};

// Throws Error if the file cannot be opened, if ffmpeg is not installed or cannot read it (with its own last words), if
// there is no frame, or if the frames are too many, too large, or of different sizes.
Video ReadVideo(const std::filesystem::path& path, const VideoOptions& options = {});

}  // namespace tessera::image
