#include "tessera/cli/run.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>

#include "tessera/cli/commands.h"
#include "tessera/cli/interrupt.h"
#include "tessera/cli/program.h"
#include "tessera/cli/progress.h"
#include "tessera/cli/terminal.h"
#include "tessera/cli/word_wrap.h"
#include "tessera/core/json_text.h"
#include "tessera/image/decode.h"

namespace tessera::cli {
namespace {

// What suits a small instruction-tuned model when its checkpoint says nothing. Without the penalty such models fall
// into loops that only the context ends.
const infer::SamplingOptions kDefaults{
    .temperature = 0.2f, .top_p = 0.9f, .repetition_penalty = 1.1f, .repetition_window = 256};
const infer::SamplingOptions kRawDefaults{.temperature = 0};

constexpr char kFooter[] =
    "Examples:\n"
    "  tessera run smollm2                                  talk in the terminal\n"
    "  tessera run smollm2 \"Why is the sky blue?\"           one answer\n"
    "  tessera run ./model.gguf --raw \"Once upon a time\"    continue plain text\n"
    "  tessera run ./UI-TARS-2B --image screen.png \"Click on Save.\"\n"
    "  tessera run ./chameleon-7b \"Draw a red fox.\" --out fox.png\n"
    "  cat notes.txt | tessera run smollm2 --system \"Summarise what you are given.\"\n\n"
    "Where a sampling option is not given, the checkpoint's generation_config.json decides; where that says nothing:\n"
    "--temperature 0.2 --top-p 0.9 --repetition-penalty 1.1 --repetition-window 256; with --raw --temperature 0.";

RunSession Open(const RunOptions& options, const Globals& globals) {
  RunSession session{.options = options, .globals = &globals};
  const Device device = DeviceFromName(options.device);
  // A tower takes seconds for a picture, and packed weights pay at once.
  const bool seeing = !options.images.empty() || !options.videos.empty();
  {
    ProgressBar bar(globals, ProgressBar::Unit::kItems);
    models::LoadOptions load = infer::FastestOn(device);
    if (seeing) load.pack_later = false;
    session.loaded = infer::Load(
        options.model, load, [&](int64_t done, int64_t total) { bar.Update("loading", done, total); },
        options.vision_file);
  }
  const models::LanguageModel& model = *session.loaded.model;
  const bool draws = model.picture_tokens() != nullptr;
  Require(options.out.empty() || draws, "--out: models of type \"{}\" draw no pictures", model.summary().family);
  infer::EngineOptions engine{.context = options.context, .cache_dtype = CacheDType(options.cache_type, device)};
  engine.before_second_pass = [model = session.loaded.model.get(), checkpoint = session.loaded.checkpoint.get()] {
    infer::Pack(*model, *checkpoint);
  };
  // Guidance reads three contexts.
  if (draws) engine.cache_tokens = 3 * (options.context > 0 ? options.context : model.summary().max_context);
  session.engine = std::make_unique<infer::Engine>(model, engine);
  const bool plain = options.raw || !session.loaded.chat_template;
  session.sampling = ResolveSampling(options.sampling, session.loaded.generation_config,
                                     plain   ? kRawDefaults
                                     : draws ? infer::ChameleonSampling()
                                             : kDefaults);
  return session;
}

std::vector<int32_t> PromptIds(const RunSession& session, const std::string& text) {
  const RunOptions& o = session.options;
  if (o.raw || !session.loaded.chat_template) {
    return session.loaded.tokenizer->Encode(o.system.empty() ? text : o.system + "\n" + text, {.add_special = true});
  }
  Json messages = Json::array();
  if (!o.system.empty()) messages.push_back({{"role", "system"}, {"content", o.system}});
  messages.push_back(UserMessage(text, o.images.size(), o.videos.size()));
  return infer::ChatPrompt(session.loaded, messages);
}

// What was shown, in both sizes: whoever acts on a point of the answer needs them.
void ReportShown(const RunSession& session, const std::vector<infer::EncodedPicture>& shown, Json& report) {
  const std::vector<std::string>&images = session.options.images, &videos = session.options.videos;
  for (size_t i = 0; i < shown.size(); ++i) {
    const image::SeenImage& seen = shown[i].seen;
    Json one = {{"file", i < images.size() ? images[i] : videos[i - images.size()]},
                {"width", seen.original.width},
                {"height", seen.original.height},
                {"encoded_width", seen.encoded.width},
                {"encoded_height", seen.encoded.height},
                {"tokens", shown[i].tokens()},
                {"prepare_ms", shown[i].prepare_seconds * 1e3},
                {"encode_ms", shown[i].encode_seconds * 1e3},
                {"points", image::Name(session.loaded.model->vision()->points())}};
    if (i >= images.size()) one.update({{"steps", shown[i].grid.t}, {"seconds_per_step", shown[i].seconds_per_step}});
    report[i < images.size() ? "images" : "videos"].push_back(std::move(one));
  }
}

Json Report(const RunSession& session, const infer::TextAnswer& answer, size_t prompt_tokens) {
  const auto rate = [](int64_t tokens, double seconds) {
    return seconds > 0 ? static_cast<double>(tokens) / seconds : 0;
  };
  const infer::EngineStats& s = answer.stats;
  return {{"model", session.loaded.name},
          {"text", answer.text},
          {"ids", answer.ids},
          {"finish", Name(answer.finish)},
          {"seed", session.sampling.seed},
          {"prompt_tokens", prompt_tokens},
          {"answer_tokens", std::ssize(answer.ids)},
          {"timings",
           {{"first_token_ms", answer.first_token_seconds * 1e3},
            {"prompt_ms", s.prompt_seconds.count() * 1e3},
            {"prompt_per_second", rate(s.prompt_tokens, s.prompt_seconds.count())},
            {"predicted_ms", s.answer_seconds.count() * 1e3},
            {"predicted_per_second", rate(s.answer_tokens - 1, s.answer_seconds.count())}}}};
}

int AnswerOnce(RunSession& session, const Globals& globals) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<infer::EncodedPicture> pictures;
  for (const std::string& file : session.options.images) pictures.push_back(session.See(file));
  for (const std::string& file : session.options.videos) pictures.push_back(session.Watch(file));
  const std::chrono::duration<double> seeing = std::chrono::steady_clock::now() - start;
  infer::SeeingPrompt prompt =
      infer::ShowPictures(*session.loaded.model, PromptIds(session, session.options.prompt), pictures);
  Require(!prompt.tokens.empty(), "run: the prompt is empty; give a text, or type it on standard input");
  const size_t prompt_tokens = prompt.tokens.size();
  const infer::MixedAnswer answer = session.Answer(std::move(prompt), 0);
  Json report = Report(session, answer, prompt_tokens);
  for (size_t i = 0; i < answer.pictures.size(); ++i) {
    const infer::DrawnPicture& drawn = answer.pictures[i];
    Json picture = {{"width", drawn.pixels.dim(1)}, {"height", drawn.pixels.dim(0)}, {"ids", drawn.ids}};
    if (!session.options.out.empty()) picture["file"] = PictureFile(session.options.out, i);
    report["pictures"].push_back(std::move(picture));
  }
  ReportShown(session, pictures, report);
  if (!pictures.empty()) report["timings"]["pictures_ms"] = seeing.count() * 1e3;  // read, prepared and encoded
  if (session.options.json)
    WriteOutput(JsonText(report) + "\n");
  else
    WriteOutput("\n");
  const std::string remark = WhyItEnded(session.options, answer.finish);
  if (!remark.empty() && !globals.quiet) fmt::print(stderr, "{}\n", remark);
  if (globals.verbose) fmt::print(stderr, "{}\n", JsonText(report["timings"]));
  return answer.finish == infer::TextFinish::kInterrupted ? kExitInterrupted : 0;
}

}  // namespace

std::string WhyItEnded(const RunOptions& options, infer::TextFinish finish) {
  if (finish == infer::TextFinish::kContext) return "(the context is full)";
  if (finish != infer::TextFinish::kLength || !options.limited_by_default) return "";
  return fmt::format("(stopped after {} tokens; --max-tokens sets the limit)", options.max_tokens);
}

Json UserMessage(const std::string& text, size_t pictures, size_t videos) {
  if (pictures + videos == 0) return {{"role", "user"}, {"content", text}};
  Json content = Json::array();
  for (size_t i = 0; i < pictures; ++i) content.push_back({{"type", "image"}});
  for (size_t i = 0; i < videos; ++i) content.push_back({{"type", "video"}});
  content.push_back({{"type", "text"}, {"text", text}});
  return {{"role", "user"}, {"content", content}};
}

infer::EncodedPicture RunSession::See(const std::string& file) {
  const models::VisionEncoder* vision = loaded.model->vision();
  Require(vision != nullptr, "{}: models of type \"{}\" see no pictures", loaded.name, loaded.model->summary().family);
  const Tensor picture = image::ReadImage(file);
  return WithContext(file, [&] { return pictures.Encode(*vision, picture); });
}

infer::EncodedPicture RunSession::Watch(const std::string& file) {
  const models::VisionEncoder* vision = loaded.model->vision();
  Require(vision != nullptr && vision->Placeholder(models::VisionKind::kVideo) >= 0,
          "{}: models of type \"{}\" take no videos", loaded.name, loaded.model->summary().family);
  const image::Video video = image::ReadVideo(file, {.frames_per_second = options.video_rate});
  return WithContext(file, [&] { return pictures.EncodeVideo(*vision, video); });
}

infer::MixedAnswer RunSession::Answer(infer::SeeingPrompt prompt, uint64_t turn) {
  infer::SamplingOptions drawn = sampling;
  drawn.seed += turn;
  if (loaded.model->picture_tokens() != nullptr) return AnswerWithPictures(*this, std::move(prompt.tokens), drawn);
  const InterruptScope interrupt;
  WordWrap wrap(OutputIsTerminal() ? TerminalWidth() : 0);
  const auto show = [&](const std::string& text) {
    if (!options.json && !text.empty()) WriteOutput(OutputIsTerminal() ? Printable(text) : text);
  };
  infer::MixedAnswer answer;
  static_cast<infer::TextAnswer&>(answer) = infer::GenerateText(*engine, *loaded.tokenizer,
                                                                {.prompt = std::move(prompt.tokens),
                                                                 .vision = std::move(prompt.vision),
                                                                 .max_tokens = options.max_tokens,
                                                                 .stop = options.sampling.stop,
                                                                 .ignore_eos = options.ignore_eos,
                                                                 .sampling = drawn,
                                                                 .strategy = options.strategy},
                                                                [&](std::string_view piece) {
                                                                  show(wrap.Push(piece));
                                                                  return !interrupt.interrupted();
                                                                });
  show(wrap.Flush());
  return answer;
}

void AddRun(CLI::App& program, const Globals& globals) {
  CLI::App* command = program.add_subcommand("run", "Talk with a model, or print its answer to one prompt");
  command->footer(kFooter);
  const auto o = std::make_shared<RunOptions>();
  command
      ->add_option("MODEL", o->model, "A GGUF file, a directory, org/name of the Hugging Face cache, or a short name")
      ->required();
  command->add_option("PROMPT", o->prompt, "Answer this and end; - reads standard input");
  command->add_option("--image", o->images, "A picture shown with the prompt; may be repeated")
      ->allow_extra_args(false)
      ->check(CLI::ExistingFile);
  command->add_option("--video", o->videos, "A video shown with the prompt; may be repeated; needs ffmpeg")
      ->allow_extra_args(false)
      ->check(CLI::ExistingFile);
  command->add_option("--fps", o->video_rate, "Frames taken of a video in a second")
      ->check(CLI::Range(0.001, 1000.0))
      ->capture_default_str();
  command->add_option("--mmproj", o->vision_file, "The GGUF file of the part that sees pictures, if it is not found")
      ->check(CLI::ExistingFile);
  command->add_option("--out", o->out, "Draw one picture and write it there: .png, .jpg or .webp (models that draw)");
  command->add_flag("--interleaved", o->interleaved, "With --out: words and pictures as the model likes")
      ->needs("--out");
  command->add_option("-s,--system", o->system, "What the model is told before the conversation");
  command
      ->add_option("-n,--max-tokens", o->max_tokens, "Tokens of an answer at most (-1: as many as the context holds)")
      ->capture_default_str();
  command->add_option("-c,--context", o->context, "Tokens that prompt and answer may take (0: as the model was made)")
      ->capture_default_str();
  AddDevice(*command, o->device);
  command->add_flag("--raw", o->raw, "Continue the prompt as plain text, without the chat template");
  command->add_flag("--json", o->json, "Print the answer with its tokens and timings as one JSON object");
  command->add_flag("--ignore-eos", o->ignore_eos, "Go on when the model would end");
  command->add_option("--strategy", o->strategy, "plain, or lookup (guess repetitions of earlier text)")
      ->check(CLI::IsMember({"plain", "lookup"}))
      ->capture_default_str();
  AddCacheType(*command, o->cache_type);
  AddSamplingFlags(*command, o->sampling);
  command->callback([command, o, &globals] {
    o->has_prompt = command->count("PROMPT") > 0;
    // In a conversation /video may come later.
    if (o->has_prompt && command->count("--fps") > 0 && o->videos.empty()) throw CLI::RequiresError("--fps", "--video");
    o->limited_by_default = command->count("--max-tokens") == 0;
    if (o->prompt == "-" || (!o->has_prompt && !InputIsTerminal())) {
      o->prompt = ReadAllInput();
      o->has_prompt = true;
    }
    RunSession session = Open(*o, globals);
    if (!o->has_prompt) return Chat(session);
    const int code = AnswerOnce(session, globals);
    if (code != 0) throw CLI::RuntimeError(code);
  });
}

}  // namespace tessera::cli
