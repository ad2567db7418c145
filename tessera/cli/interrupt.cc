#include "tessera/cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

#include "tessera/cli/program.h"
#include "tessera/cli/terminal.h"

namespace tessera::cli {
namespace {

// A signal handler can reach nothing but static storage.
std::atomic<int> scopes{0};
std::atomic<bool> pressed{false};

void OnInterrupt(int) {
  // A second press while the first still waits to be noticed ends the program all the same.
  if (scopes.load() != 0 && !pressed.exchange(true)) return;
  RestoreTerminal();
  _exit(kExitInterrupted);
}

}  // namespace

InterruptScope::InterruptScope() {
  pressed = false;
  ++scopes;
}

InterruptScope::~InterruptScope() {
  --scopes;
  pressed = false;
}

bool InterruptScope::interrupted() const { return pressed.load(); }

void InstallInterruptHandler() {
  struct sigaction action = {};
  action.sa_handler = OnInterrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);  // no SA_RESTART: a blocked read returns
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
}

}  // namespace tessera::cli
