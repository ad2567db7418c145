#pragma once
// `inspect MODEL --image FILE`: what a model would make of a picture.

#include <string>

namespace tessera::weights {
class Checkpoint;
}

namespace tessera::cli {

struct PictureQuestion {
  std::string file, save;  // save: a picture file to write, or empty
  bool json = false;
};

struct VideoQuestion {
  std::string file;
  double frames_per_second = 2;
  bool json = false;
};

// Prints sizes, grid, tokens and how the model names points; on a terminal also the picture itself. No weight is read.
// Throws Error if the model sees no pictures or the file is none.
void InspectPicture(const weights::Checkpoint& checkpoint, const PictureQuestion& question);
// `inspect MODEL --video FILE`: the same of a video. Throws Error also if the model takes no videos.
void InspectVideo(const weights::Checkpoint& checkpoint, const VideoQuestion& question);

}  // namespace tessera::cli
