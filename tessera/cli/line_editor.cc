#include "tessera/cli/line_editor.h"

#include <histedit.h>
#include <langinfo.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstring>
#include <cwchar>
#include <string_view>

#include "tessera/cli/interrupt.h"
#include "tessera/cli/terminal.h"

namespace tessera::cli {
namespace {

constexpr int kHistorySize = 1000;
constexpr std::string_view kFence = "\"\"\"";

// Pasted text arrives within a few milliseconds; nobody types the next line that fast.
bool MoreIsWaiting() {
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  return poll(&input, 1, 10) > 0 && (input.revents & POLLIN) != 0;
}

// Editing counts columns, so it must know that the terminal speaks UTF-8, also where no locale is set.
void UseUtf8() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

struct LineEditor::State {
  std::filesystem::path history_file;
  EditLine* editor = nullptr;
  History* history = nullptr;
  HistEvent event = {};
  std::string prompt;

  const InterruptScope* interrupt = nullptr;  // of the message being read

  static State* Of(EditLine* editor) {
    State* state = nullptr;
    el_get(editor, EL_CLIENTDATA, &state);
    return state;
  }
  static char* Prompt(EditLine* editor) { return Of(editor)->prompt.data(); }
  static int ReadKey(EditLine* editor, wchar_t* key);
};

// One character of the input: 1, or 0 at its end, or -1 once Ctrl-C was pressed. The library's own reader sleeps
// through a Ctrl-C that comes just before it begins to wait.
int LineEditor::State::ReadKey(EditLine* editor, wchar_t* key) {
  const State* state = Of(editor);
  std::mbstate_t decoder{};
  for (;;) {
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const int ready = poll(&input, 1, 50);
    if (state->interrupt != nullptr && state->interrupt->interrupted()) return -1;
    if (ready <= 0) continue;
    char byte = 0;
    const ssize_t n = read(STDIN_FILENO, &byte, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return static_cast<int>(n);
    const size_t used = std::mbrtowc(key, &byte, 1, &decoder);
    if (used == static_cast<size_t>(-1))
      decoder = {};  // not UTF-8: dropped
    else if (used != static_cast<size_t>(-2))
      return 1;
  }
}

LineEditor::LineEditor(std::filesystem::path history) : state_(std::make_unique<State>()) {
  UseUtf8();
  State& s = *state_;
  s.history_file = std::move(history);
  s.history = history_init();
  ::history(s.history, &s.event, H_SETSIZE, kHistorySize);
  ::history(s.history, &s.event, H_SETUNIQUE, 1);
  ::history(s.history, &s.event, H_LOAD, s.history_file.c_str());
  RememberTerminal();
  s.editor = el_init("tessera", stdin, stdout, stderr);
  el_set(s.editor, EL_CLIENTDATA, &s);
  el_set(s.editor, EL_PROMPT, State::Prompt);
  el_set(s.editor, EL_GETCFN, State::ReadKey);
  el_set(s.editor, EL_EDITOR, "emacs");
  el_set(s.editor, EL_HIST, ::history, s.history);
  el_set(s.editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_set(s.editor, EL_BIND, "\\e[3~", "ed-delete-next-char", nullptr);
  el_set(s.editor, EL_BIND, "\\e[H", "ed-move-to-beg", nullptr);
  el_set(s.editor, EL_BIND, "\\e[F", "ed-move-to-end", nullptr);
  el_source(s.editor, nullptr);  // the user's own ~/.editrc
  // Also between the lines that are edited, where the library would go back to whole lines.
  el_set(s.editor, EL_SETTY, "-x", "-icanon", nullptr);
  PassOnKeys();
}

LineEditor::~LineEditor() {
  el_end(state_->editor);
  history_end(state_->history);
}

// One line without its newline; nothing at the end of the input or after Ctrl-C.
std::optional<std::string> LineEditor::ReadLine(const std::string& prompt) {
  state_->prompt = prompt;
  int length = 0;
  const char* line = el_gets(state_->editor, &length);
  if (line == nullptr || length <= 0) return std::nullopt;
  std::string text(line, static_cast<size_t>(length));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

LineEditor::Result LineEditor::Read(const std::string& prompt) {
  const InterruptScope interrupt;
  state_->interrupt = &interrupt;
  std::string message;
  bool fenced = false;
  for (bool first = true;; first = false) {
    std::optional<std::string> line = ReadLine(first ? prompt : "... ");
    if (interrupt.interrupted()) {
      el_reset(state_->editor);
      std::fputs("\n", stdout);
      return {Outcome::kInterrupted, ""};
    }
    if (!line) {
      if (first) return {Outcome::kEnd, ""};
      break;
    }
    if (first && line->starts_with(kFence)) {
      fenced = true;
      line->erase(0, kFence.size());
    }
    const bool closes = fenced && line->ends_with(kFence);
    const bool goes_on = !fenced && line->ends_with('\\');
    if (closes) line->resize(line->size() - kFence.size());
    if (goes_on) line->pop_back();
    if (!message.empty() || !first) message += '\n';
    message += *line;
    const bool command = first && line->starts_with('/');
    if (closes || (!fenced && !goes_on && (command || !MoreIsWaiting()))) break;
  }
  while (!message.empty() && message.back() == '\n') message.pop_back();
  if (fenced && message.starts_with('\n')) message.erase(0, 1);
  Remember(message);
  return {Outcome::kMessage, message};
}

void LineEditor::Remember(const std::string& message) {
  if (message.empty()) return;
  State& s = *state_;
  std::string entry = message;
  for (char& c : entry) {
    if (c == '\n') c = ' ';  // the history file keeps one line an entry
  }
  ::history(s.history, &s.event, H_ENTER, entry.c_str());
  std::error_code ignored;  // a history that cannot be kept is no reason to stop a conversation
  std::filesystem::create_directories(s.history_file.parent_path(), ignored);
  ::history(s.history, &s.event, H_SAVE, s.history_file.c_str());
}

}  // namespace tessera::cli
