// Videos through a program that stands in for ffmpeg: it says what it was asked and writes what the test wants.

#include "tessera/image/video.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tessera/core/mapped_file.h"
#include "weights/temporary_folder.h"

namespace tessera::image {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

std::string Ppm(int width, int height, char value) {
  return fmt::format("P6\n{} {}\n255\n", width, height) + std::string(static_cast<size_t>(width * height * 3), value);
}

class ReadingVideo : public testing::Test {
 protected:
  const TemporaryFolder folder;
  const std::string path = std::getenv("PATH");
  const std::filesystem::path clip = folder / "-clip.mp4";

  ReadingVideo() {
    std::ofstream(clip) << "a video";
    setenv("PATH", (folder.path().string() + ":" + path).c_str(), 1);
  }
  ~ReadingVideo() override { setenv("PATH", path.c_str(), 1); }

  // Puts a program "ffmpeg" first in PATH that writes `output`, then ends as the shell text says.
  void Pretend(const std::string& output, const std::string& end = "exit 0") {
    std::ofstream(folder / "output", std::ios::binary) << output;
    const std::string in = folder.path().string();
    std::ofstream(folder / "ffmpeg") << "#!/bin/sh\necho \"$@\" > '" << in << "/asked'\ncat '" << in << "/output'\n"
                                     << end << "\n";
    std::filesystem::permissions(folder / "ffmpeg", std::filesystem::perms::owner_all);
  }

  void ExpectRefused(const char* what, const VideoOptions& options = {}) {
    EXPECT_THAT([&] { ReadVideo(clip, options); },
                ThrowsMessage<Error>(testing::AllOf(HasSubstr("-clip.mp4"), HasSubstr(what))));
  }
};

TEST_F(ReadingVideo, FramesComeInOrderAtTheRateAskedFor) {
  Pretend(Ppm(3, 2, 'a') + Ppm(3, 2, 'b') + Ppm(3, 2, 'c'));
  const Video video = ReadVideo(clip, {.frames_per_second = 0.5});
  ASSERT_EQ(video.frames.size(), 3u);
  EXPECT_EQ(video.frames_per_second, 0.5);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(video.frames[i].shape(), (Shape{2, 3, 3}));
    EXPECT_THAT(video.frames[i].data<uint8_t>(), testing::Each('a' + i));
  }
  const std::string asked = ReadFile(folder / "asked", 4096);
  EXPECT_THAT(asked, HasSubstr("-vf fps=0.5 "));
  EXPECT_THAT(asked, HasSubstr("-i file:" + clip.string())) << "a name that begins with - is no option";
  EXPECT_THAT(asked, HasSubstr("-protocol_whitelist file ")) << "playlists lead nowhere";
}

TEST_F(ReadingVideo, AFrameMayComeInManyPieces) {
  Pretend(Ppm(200, 300, 'x') + Ppm(200, 300, 'y'));  // more than a pipe holds
  const Video video = ReadVideo(clip);
  ASSERT_EQ(video.frames.size(), 2u);
  EXPECT_THAT(video.frames[1].data<uint8_t>(), testing::Each('y'));
}

TEST_F(ReadingVideo, WithoutFfmpegTheErrorSaysWhatToInstall) {
  setenv("PATH", folder.path().c_str(), 1);
  ExpectRefused("apt install ffmpeg");
}

TEST_F(ReadingVideo, FfmpegsOwnWordsAreGiven) {
  Pretend("", "printf 'noise\\nmoov atom not found\\n' >&2; exit 1");
  ExpectRefused("ffmpeg cannot read it: moov atom not found");
}

TEST_F(ReadingVideo, FramesAreJudgedBeforeTheyTakeMemory) {
  Pretend("P6\n100000 100000\n255\n");
  ExpectRefused("frames of 100000 x 100000 pixels; the limit is");
  Pretend("P6\n9000 3\n255\n");
  ExpectRefused("more than 200 times the other");
  Pretend(Ppm(2, 2, 'a') + Ppm(2, 3, 'b'));
  ExpectRefused("in one video");
  Pretend(Ppm(2, 2, 'a') + Ppm(2, 2, 'b'));
  ExpectRefused("more than 1 frames at 2 a second", {.max_frames = 1});
  ExpectRefused("choose a lower rate or a smaller video", {.max_bytes = 20});
}

TEST_F(ReadingVideo, DamagedStreamsAreRefused) {
  for (const char* text : {"P5\n2 2\n255\n", "P6\n2 2\n65535\n", "P6\n22\n255\n"}) {
    Pretend(text + std::string(20, 'x'));
    ExpectRefused("no frames in the format PPM");
  }
  Pretend("P6\n-2 2\n255\n");
  ExpectRefused("where a number belongs");
  Pretend(std::string(500, 'x'));
  ExpectRefused("no frames in the format PPM");
  Pretend(Ppm(2, 2, 'a').substr(0, 15));
  ExpectRefused("cut short");
  Pretend("P6\n2");
  ExpectRefused("cut short");
  Pretend("");
  ExpectRefused("no frame in it");
}

TEST_F(ReadingVideo, FilesAndRatesThatAreNoneAreRefused) {
  Pretend(Ppm(2, 2, 'a'));
  EXPECT_THAT([&] { ReadVideo(folder / "absent.mp4"); }, ThrowsMessage<Error>(HasSubstr("cannot open the video")));
  EXPECT_THAT([&] { ReadVideo(folder.path()); }, ThrowsMessage<Error>(HasSubstr("cannot open the video")));
  for (const double rate : {0.0, -1.0, 1e9, std::nan("")})
    EXPECT_THAT([&] { ReadVideo(clip, {.frames_per_second = rate}); }, ThrowsMessage<Error>(HasSubstr("a rate of")));
}

}  // namespace
}  // namespace tessera::image
