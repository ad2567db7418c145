#include "cli/program_runner.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "tessera/core/error.h"

namespace tessera::cli {
namespace {

constexpr unsigned kSeconds = 120;

struct Pipe {
  int read_end = -1, write_end = -1;
  Pipe() {
    int ends[2];
    Require(pipe2(ends, O_CLOEXEC) == 0, "test: no pipe");
    read_end = ends[0];
    write_end = ends[1];
  }
};

[[noreturn]] void Child(const std::vector<std::string>& arguments, const ProgramInput& input, const Pipe& in,
                        const Pipe& out, const Pipe& err) {
  dup2(in.read_end, STDIN_FILENO);
  dup2(out.write_end, STDOUT_FILENO);
  dup2(err.write_end, STDERR_FILENO);
  for (const std::string& setting : input.environment) putenv(const_cast<char*>(setting.c_str()));
  std::vector<char*> argv = {const_cast<char*>(TESSERA_PROGRAM)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  alarm(kSeconds);
  execv(TESSERA_PROGRAM, argv.data());
  _exit(127);
}

// Feeds and drains all three pipes at once, so that neither side can wait for the other.
void Exchange(std::string_view pending, Pipe& in, Pipe& out, Pipe& err, ProgramResult& result) {
  std::array<pollfd, 3> ends = {{{in.write_end, POLLOUT, 0}, {out.read_end, POLLIN, 0}, {err.read_end, POLLIN, 0}}};
  if (pending.empty()) close(std::exchange(ends[0].fd, -1));
  char buffer[65536];
  while (ends[1].fd >= 0 || ends[2].fd >= 0) {
    poll(ends.data(), ends.size(), -1);
    if (ends[0].fd >= 0 && ends[0].revents != 0) {
      const ssize_t n = write(in.write_end, pending.data(), pending.size());
      if (n > 0) pending.remove_prefix(static_cast<size_t>(n));
      if (n <= 0 || pending.empty()) close(std::exchange(ends[0].fd, -1));
    }
    for (const size_t i : {size_t{1}, size_t{2}}) {
      if (ends[i].fd < 0 || ends[i].revents == 0) continue;
      const ssize_t n = read(ends[i].fd, buffer, sizeof(buffer));
      if (n > 0)
        (i == 1 ? result.out : result.err).append(buffer, static_cast<size_t>(n));
      else
        close(std::exchange(ends[i].fd, -1));
    }
  }
  if (ends[0].fd >= 0) close(in.write_end);
}

}  // namespace

ProgramResult RunTessera(const std::vector<std::string>& arguments, const ProgramInput& input) {
  signal(SIGPIPE, SIG_IGN);
  Pipe in, out, err;
  const pid_t child = fork();
  Require(child >= 0, "test: cannot fork");
  if (child == 0) Child(arguments, input, in, out, err);
  close(in.read_end);
  close(out.write_end);
  close(err.write_end);
  fcntl(in.write_end, F_SETFL, O_NONBLOCK);
  ProgramResult result;
  Exchange(input.standard_input, in, out, err, result);
  int status = 0;
  waitpid(child, &status, 0);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace tessera::cli
