// The conversation of `tessera run MODEL` at a terminal.

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tessera/cli/interrupt.h"
#include "tessera/cli/line_editor.h"
#include "tessera/cli/run.h"
#include "tessera/cli/saved_chat.h"
#include "tessera/cli/terminal.h"

namespace tessera::cli {
namespace {

constexpr char kHelp[] = R"(  /help            this list
  /image FILE      show a picture with the next message
  /video FILE      show a video with the next message (needs ffmpeg; --fps sets the frames a second)
  /system TEXT     tell the model what it is; without TEXT, show or clear (/system -)
  /reset           forget the conversation, keep the system text
  /save FILE       write the conversation to FILE
  /load FILE       go on with a saved conversation
  /stats           speed and size of the last answer and the conversation
  /bye             leave (also Ctrl-D)

  A line that ends in \ goes on; lines between """ and """ are one message.
  Ctrl-C stops the answer. Arrow keys edit and recall earlier messages.
)";

std::filesystem::path HistoryFile() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  const std::filesystem::path base = state != nullptr && *state != '\0'
                                         ? std::filesystem::path(state)
                                         : std::filesystem::path(home != nullptr ? home : ".") / ".local" / "state";
  return base / "tessera" / "history";
}

class Conversation {
 public:
  explicit Conversation(RunSession& session) : session_(session) {
    system_ = session.options.system;
    for (const std::string& file : session.options.images) waiting_.push_back({file, session.See(file)});
    for (const std::string& file : session.options.videos) waiting_.push_back({file, session.Watch(file)});
  }

  // Runs a line that begins with a slash; false to leave.
  bool Command(const std::string& line);
  void Answer(const std::string& message);

 private:
  struct Shown {  // a picture, or a video
    std::string file;
    infer::EncodedPicture encoded;
    bool moves() const { return encoded.kind == models::VisionKind::kVideo; }
  };

  infer::EncodedPicture Drawn(const infer::DrawnPicture& picture) const;
  void Push(const std::string& role, const std::string& text, std::vector<Shown> pictures);
  void Drop(int64_t begin, int64_t count);
  Json Messages() const;
  infer::SeeingPrompt Prompt() const;
  infer::SeeingPrompt FittingPrompt();
  void Image(const std::string& file);
  void Video(const std::string& file);
  void System(const std::string& text);
  void Save(const std::string& file) const;
  void Load(const std::string& file);
  void Stats() const;

  RunSession& session_;
  std::string system_;
  Json turns_ =
      Json::array();  // user and assistant messages in turn; "images" and "videos" of a message name its files
  std::vector<std::vector<Shown>> shown_;  // the pictures and videos of each turn
  std::vector<Shown> waiting_;             // for the next message
  uint64_t turn_ = 0;
  infer::MixedAnswer last_;
  int64_t last_prompt_ = 0;
};

// A picture of the model's own, as the next turns read it: the same tokens.
infer::EncodedPicture Conversation::Drawn(const infer::DrawnPicture& picture) const {
  const models::PictureVocabulary& v = session_.loaded.model->picture_tokens()->vocabulary();
  infer::EncodedPicture encoded;
  encoded.ids.push_back(v.begin);
  encoded.ids.insert(encoded.ids.end(), picture.ids.begin(), picture.ids.end());
  encoded.ids.resize(static_cast<size_t>(v.per_picture) + 1, picture.ids[0]);
  encoded.ids.push_back(v.end);
  return encoded;
}

void Note(const std::string& text) { fmt::print(stderr, "{}\n", Styled(Printable(text), Style::kDim)); }

void Conversation::Push(const std::string& role, const std::string& text, std::vector<Shown> pictures) {
  Json turn = {{"role", role}, {"content", text}};
  for (const Shown& picture : pictures) turn[picture.moves() ? "videos" : "images"].push_back(picture.file);
  turns_.push_back(std::move(turn));
  shown_.push_back(std::move(pictures));
}

void Conversation::Drop(int64_t begin, int64_t count) {
  turns_.erase(turns_.begin() + begin, turns_.begin() + begin + count);
  shown_.erase(shown_.begin() + begin, shown_.begin() + begin + count);
}

Json Conversation::Messages() const {
  Json messages = Json::array();
  if (!system_.empty()) messages.push_back({{"role", "system"}, {"content", system_}});
  for (size_t i = 0; i < turns_.size(); ++i) {
    const std::string text = turns_[i]["content"];
    const auto videos = static_cast<size_t>(std::ranges::count_if(shown_[i], &Shown::moves));
    // The pictures of an answer stand in its text already.
    messages.push_back(shown_[i].empty() || turns_[i]["role"] == "assistant"
                           ? Json{{"role", turns_[i]["role"]}, {"content", text}}
                           : UserMessage(text, shown_[i].size() - videos, videos));
  }
  return messages;
}

infer::SeeingPrompt Conversation::Prompt() const {
  const models::LanguageModel& model = *session_.loaded.model;
  std::vector<infer::EncodedPicture> pictures;
  const bool plain = session_.options.raw || !session_.loaded.chat_template;
  for (size_t i = plain ? turns_.size() - 1 : 0; i < turns_.size(); ++i)
    for (const Shown& picture : shown_[i]) pictures.push_back(picture.encoded);
  if (!plain) return infer::ShowPictures(model, infer::ChatPrompt(session_.loaded, Messages()), pictures);
  const std::string text = turns_.back()["content"];
  return infer::ShowPictures(model, session_.loaded.tokenizer->Encode(text, {.add_special = true}), pictures);
}

// The prompt of the whole conversation; when it outgrows the context its oldest turns are dropped. Pictures of the
// others are not encoded again.
infer::SeeingPrompt Conversation::FittingPrompt() {
  int64_t dropped = 0;
  for (;;) {
    infer::SeeingPrompt prompt = Prompt();
    // An eighth of the context is kept for the answer.
    const bool fits = std::ssize(prompt.tokens) <= session_.engine->context() * 7 / 8;
    if (fits || turns_.size() < 3) {
      if (dropped > 0) Note(fmt::format("(the context is full: the oldest {} messages were dropped)", dropped));
      return prompt;
    }
    Drop(0, 2);
    dropped += 2;
  }
}

void Conversation::Answer(const std::string& message) {
  Push("user", message, waiting_);
  try {
    infer::SeeingPrompt prompt = FittingPrompt();
    last_prompt_ = std::ssize(prompt.tokens);
    const EchoOff quiet;
    last_ = session_.Answer(std::move(prompt), turn_++);
  } catch (const Error& error) {
    Drop(std::ssize(turns_) - 1, 1);
    return Note(fmt::format("tessera: {}", error.what()));
  }
  waiting_.clear();
  WriteOutput("\n");
  if (last_.finish == infer::TextFinish::kInterrupted) Note("(stopped)");
  if (const std::string remark = WhyItEnded(session_.options, last_.finish); !remark.empty()) Note(remark);
  if (last_.finish == infer::TextFinish::kContext) Note("(/reset starts afresh)");
  Push("assistant", last_.text, {});
  for (const infer::DrawnPicture& picture : last_.pictures) shown_.back().push_back({"", Drawn(picture)});
}

void Conversation::Image(const std::string& file) {
  Require(!file.empty(), "/image: name a picture, for example /image screen.png");
  waiting_.push_back({file, session_.See(file)});
  const infer::EncodedPicture& picture = waiting_.back().encoded;
  Note(fmt::format("({}: {} x {} pixels, seen as {} x {}, {} tokens; it goes with the next message)", file,
                   picture.seen.original.width, picture.seen.original.height, picture.seen.encoded.width,
                   picture.seen.encoded.height, picture.tokens()));
}

void Conversation::Video(const std::string& file) {
  Require(!file.empty(), "/video: name a video, for example /video clip.mp4");
  waiting_.push_back({file, session_.Watch(file)});
  const infer::EncodedPicture& video = waiting_.back().encoded;
  Note(fmt::format("({}: {} steps of {} s, seen as {} x {}, {} tokens; it goes with the next message)", file,
                   video.grid.t, video.seconds_per_step, video.seen.encoded.width, video.seen.encoded.height,
                   video.tokens()));
}

void Conversation::System(const std::string& text) {
  if (text.empty()) return Note(system_.empty() ? "(no system text)" : system_);
  system_ = text == "-" ? "" : text;
  Note(system_.empty() ? "(system text cleared)" : "(system text set; it holds from the next message on)");
}

void Conversation::Save(const std::string& file) const {
  Require(!file.empty(), "/save: name a file, for example /save talk.json");
  WriteSavedChat(file, {.model = session_.loaded.name, .system = system_, .turns = turns_});
  Note(fmt::format("(saved {} messages to {})", turns_.size(), file));
}

std::string WithoutMarks(std::string text) {
  const std::string mark = infer::MixedRequest().picture_mark;
  for (size_t at = 0; (at = text.find(mark, at)) != std::string::npos;) text.erase(at, mark.size());
  return text;
}

void Conversation::Load(const std::string& file) {
  Require(!file.empty(), "/load: name a file that /save wrote");
  SavedChat saved = ReadSavedChat(file);
  std::vector<std::vector<Shown>> shown;
  for (Json& turn : saved.turns) {
    // The model's own pictures are not in the file, so neither may their places be.
    if (turn["role"] == "assistant") turn["content"] = WithoutMarks(turn["content"]);
    std::vector<Shown>& pictures = shown.emplace_back();
    for (const std::string picture : turn.value("images", Json::array()))
      pictures.push_back({picture, session_.See(picture)});
    for (const std::string video : turn.value("videos", Json::array()))
      pictures.push_back({video, session_.Watch(video)});
  }
  if (saved.system) system_ = *saved.system;
  turns_ = std::move(saved.turns);
  shown_ = std::move(shown);
  Note(fmt::format("(loaded {} messages)", turns_.size()));
}

void Conversation::Stats() const {
  if (turn_ == 0) return Note("(no answer yet)");
  const infer::EngineStats& s = last_.stats;
  const double prompt = s.prompt_seconds.count(), answer = s.answer_seconds.count();
  Note(fmt::format("prompt   {} tokens ({} found in the cache), {:.0f} tokens/s, first token after {:.0f} ms",
                   last_prompt_, s.shared_tokens, prompt > 0 ? static_cast<double>(s.prompt_tokens) / prompt : 0,
                   last_.first_token_seconds * 1e3));
  Note(fmt::format("answer   {} tokens, {:.1f} tokens/s, ended by {}", last_.ids.size(),
                   answer > 0 ? static_cast<double>(s.answer_tokens - 1) / answer : 0, Name(last_.finish)));
  if (s.guessed > 0) Note(fmt::format("guesses  {} of {} confirmed", s.confirmed, s.guessed));
  Note(fmt::format("context  {} of {} tokens, {} messages, seed {}", last_prompt_ + std::ssize(last_.ids),
                   session_.engine->context(), turns_.size(), session_.sampling.seed));
}

bool Conversation::Command(const std::string& line) {
  const size_t space = line.find(' ');
  const std::string verb = line.substr(0, space);
  const std::string rest =
      space == std::string::npos
          ? ""
          : line.substr(line.find_first_not_of(' ', space) == std::string::npos ? line.size()
                                                                                : line.find_first_not_of(' ', space));
  if (verb == "/bye" || verb == "/exit" || verb == "/quit") return false;
  if (verb == "/help")
    fmt::print(stderr, "{}", kHelp);
  else if (verb == "/image")
    Image(rest);
  else if (verb == "/video")
    Video(rest);
  else if (verb == "/reset")
    Drop(0, std::ssize(turns_)), Note("(forgotten)");
  else if (verb == "/system")
    System(rest);
  else if (verb == "/save")
    Save(rest);
  else if (verb == "/load")
    Load(rest);
  else if (verb == "/stats")
    Stats();
  else
    Note(fmt::format("{} is not a command; /help lists them", verb));
  return true;
}

}  // namespace

void Chat(RunSession& session) {
  LineEditor editor(HistoryFile());
  Conversation conversation(session);
  Note(fmt::format("{}. /help lists the commands, Ctrl-D leaves.", session.loaded.name));
  if (!session.loaded.chat_template) Note("This model has no chat template: it continues what you type as plain text.");
  for (bool warned = false;;) {
    const LineEditor::Result typed = editor.Read("> ");
    if (typed.outcome == LineEditor::Outcome::kEnd) break;
    if (typed.outcome == LineEditor::Outcome::kInterrupted) {
      if (!warned) Note("(Ctrl-D or /bye leaves)");
      warned = true;
      continue;
    }
    if (typed.message.find_first_not_of(" \t\n") == std::string::npos) continue;
    try {
      if (typed.message.starts_with('/')) {
        if (!conversation.Command(typed.message)) return;
      } else {
        conversation.Answer(typed.message);
      }
    } catch (const Error& error) {
      Note(error.what());
    }
  }
  WriteOutput("\n");
}

}  // namespace tessera::cli
