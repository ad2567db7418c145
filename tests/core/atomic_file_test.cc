#include "tessera/core/atomic_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "tessera/core/error.h"
#include "tessera/core/mapped_file.h"
#include "tests/weights/temporary_folder.h"

namespace tessera {
namespace {

int FileCount(const std::filesystem::path& folder) {
  return static_cast<int>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(AtomicFile, AppearsOnlyWhenCommitted) {
  TemporaryFolder folder;
  {
    AtomicFile file(folder / "f");
    file.Write("abc");
    file.Write(std::string(3'000'000, 'x'));
    EXPECT_FALSE(std::filesystem::exists(folder / "f"));
    file.Commit();
    EXPECT_EQ(file.position(), 3'000'003);
  }
  EXPECT_EQ(std::filesystem::file_size(folder / "f"), 3'000'003u);
  EXPECT_EQ(FileCount(folder.path()), 1);
}

TEST(AtomicFile, WithoutCommitTheOldContentStaysAndNothingElseIsLeft) {
  TemporaryFolder folder;
  std::ofstream(folder / "f") << "old";
  { AtomicFile(folder / "f").Write("new"); }
  EXPECT_EQ(ReadFile(folder / "f", 10), "old");
  EXPECT_EQ(FileCount(folder.path()), 1);
}

TEST(AtomicFile, FullDiskIsAClearErrorAndLeavesNothing) {
  TemporaryFolder folder;
  // A limit on the size of files stands for the full disk.
  struct rlimit old;
  getrlimit(RLIMIT_FSIZE, &old);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small = {1 << 20, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  std::string message;
  try {
    AtomicFile file(folder / "f");
    file.Write(std::string(5 << 20, 'x'));
    file.Commit();
  } catch (const Error& error) {
    message = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, testing::HasSubstr("cannot write"));
  EXPECT_EQ(FileCount(folder.path()), 0);
}

TEST(AtomicFile, OnlyFilesCanBeReplaced) {
  TemporaryFolder folder;
  EXPECT_THROW(AtomicFile(folder.path()), Error);
  EXPECT_THROW(AtomicFile("/dev/null"), Error);
  EXPECT_THROW(AtomicFile(folder / "absent" / "f"), Error);
}

TEST(AtomicFile, RemovesWhatAKilledWriterLeftAndNothingElse) {
  TemporaryFolder folder;
  std::ofstream(folder / ".f.0123abcd.tmp") << "left";
  std::ofstream(folder / ".g.0123abcd.tmp") << "of another file";
  std::ofstream(folder / ".f.notes.tmp") << "not ours";
  AtomicFile(folder / "f").Commit();
  EXPECT_FALSE(std::filesystem::exists(folder / ".f.0123abcd.tmp"));
  EXPECT_EQ(FileCount(folder.path()), 3);
}

TEST(AtomicFile, KilledWriterLeavesNoFile) {
  TemporaryFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    AtomicFile file(folder / "f");
    file.Write(std::string(2 << 20, 'x'));
    raise(SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_FALSE(std::filesystem::exists(folder / "f"));
  AtomicFile(folder / "f").Commit();
  EXPECT_EQ(FileCount(folder.path()), 1);
}

}  // namespace
}  // namespace tessera
