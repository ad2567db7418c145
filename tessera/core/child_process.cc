#include "tessera/core/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "tessera/core/error.h"

extern char** environ;

namespace tessera {
namespace {

constexpr size_t kKeptErrors = 16 << 10;

// Two ends of a pipe, closed at the end.
struct Pipe {
  std::array<int, 2> ends = {-1, -1};
  Pipe() { Require(pipe2(ends.data(), O_CLOEXEC) == 0, "pipe: {}", std::strerror(errno)); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    Close(0);
    Close(1);
  }
  void Close(int end) {
    if (ends[end] >= 0) close(ends[end]);
    ends[end] = -1;
  }
};

std::vector<std::string> Environment(const ChildOptions& options) {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    bool replaced = false;
    for (const auto& [name, value] : options.environment)
      replaced = replaced || (text.starts_with(name) && text.substr(name.size()).starts_with('='));
    if (!replaced) entries.emplace_back(text);
  }
  for (const auto& [name, value] : options.environment) entries.push_back(name + "=" + value);
  return entries;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Between fork and exec only async-signal-safe calls are allowed: other threads may have held any lock.
[[noreturn]] void BecomeChild(char** arguments, char** environment, const char* folder, const int output,
                              const int errors, const int failure, const pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int null = open("/dev/null", O_RDONLY);
  const bool ready = getppid() == parent && null >= 0 && dup2(null, 0) >= 0 && dup2(output, 1) >= 0 &&
                     dup2(errors, 2) >= 0 && (*folder == '\0' || chdir(folder) == 0);
  if (ready) {
    environ = environment;
    execvp(arguments[0], arguments);
  }
  const int error = errno;
  [[maybe_unused]] const ssize_t written = write(failure, &error, sizeof(error));
  _exit(127);
}

// Reads what is there; false at the end of the stream.
bool Drain(int descriptor, const std::function<void(std::string_view)>& sink) {
  std::array<char, 1 << 16> bytes;
  const ssize_t n = read(descriptor, bytes.data(), bytes.size());
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  if (n > 0 && sink) sink({bytes.data(), static_cast<size_t>(n)});
  return n > 0;
}

int Wait(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void Follow(Pipe& output, Pipe& errors, const ChildOptions& options, std::string& kept) {
  const auto keep = [&](std::string_view bytes) {
    kept.append(bytes);
    if (kept.size() > kKeptErrors) kept.erase(0, kept.size() - kKeptErrors);
  };
  while (output.ends[0] >= 0 || errors.ends[0] >= 0) {
    std::array<pollfd, 2> polled = {{{output.ends[0], POLLIN, 0}, {errors.ends[0], POLLIN, 0}}};
    const int ready = poll(polled.data(), polled.size(), 100);
    if (options.on_tick) options.on_tick();
    if (ready <= 0) continue;
    if (polled[0].revents != 0 && !Drain(output.ends[0], options.on_output)) output.Close(0);
    if (polled[1].revents != 0 && !Drain(errors.ends[0], keep)) errors.Close(0);
  }
}

}  // namespace

ChildResult RunChild(const std::vector<std::string>& arguments, const ChildOptions& options) {
  Require(!arguments.empty(), "child process: no program is named");
  std::vector<std::string> argument_strings = arguments, environment_strings = Environment(options);
  const std::vector<char*> argument_pointers = Pointers(argument_strings);
  const std::vector<char*> environment_pointers = Pointers(environment_strings);
  const std::string folder = options.folder.string();
  Pipe output, errors, failure;
  const pid_t parent = getpid(), child = fork();
  Require(child >= 0, "{}: cannot be started: {}", arguments[0], std::strerror(errno));
  if (child == 0) {
    BecomeChild(const_cast<char**>(argument_pointers.data()), const_cast<char**>(environment_pointers.data()),
                folder.c_str(), output.ends[1], errors.ends[1], failure.ends[1], parent);
  }
  for (Pipe* pipe : {&output, &errors, &failure}) pipe->Close(1);
  ChildResult result;
  try {
    int error = 0;
    if (read(failure.ends[0], &error, sizeof(error)) == sizeof(error))
      Fail("{}: cannot be started: {}", arguments[0], std::strerror(error));
    Follow(output, errors, options, result.errors);
  } catch (...) {
    kill(child, SIGKILL);
    Wait(child);
    throw;
  }
  result.exit_code = Wait(child);
  return result;
}

}  // namespace tessera
