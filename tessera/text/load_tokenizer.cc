// Which file holds the vocabulary, and which loader reads it.

#include "tessera/core/error.h"
#include "tessera/core/mapped_file.h"
#include "tessera/text/gguf_vocabulary.h"
#include "tessera/text/sentencepiece.h"
#include "tessera/text/side_files.h"
#include "tessera/text/tiktoken.h"
#include "tessera/text/tokenizer.h"
#include "tessera/text/tokenizer_json.h"
#include "tessera/weights/gguf.h"

namespace tessera::text {
namespace {

constexpr int64_t kMaxFile = int64_t{512} << 20;

struct Source {
  std::string text;
  std::string where;
  SideFiles side_files;
};

TokenizerParts FromTokenizerJson(const Source& source) {
  TokenizerParts parts = ParseTokenizerJson(source.text, source.where);
  ApplySideFiles(source.side_files, {.add_bos = false}, parts);
  return parts;
}

TokenizerParts FromSentencePiece(const Source& source) {
  TokenizerParts parts =
      WithContext(source.where, [&] { return MakeSentencePiece(ParseSentencePieceModel(source.text)); });
  ApplySideFiles(source.side_files, {.add_bos = true}, parts);
  return parts;
}

TokenizerParts FromTiktoken(const Source& source) {
  TokenizerParts parts = ParseTiktoken(source.text, source.side_files.tokenizer_config, source.where);
  ApplySideFiles(source.side_files, {.add_bos = false}, parts);
  return parts;
}

struct Kind {
  std::string_view file;       // its name in a model's directory, in order of preference
  std::string_view extension;  // what a file of another name must end in
  TokenizerParts (*load)(const Source&);
};

constexpr Kind kKinds[] = {
    {"tokenizer.json", ".json", FromTokenizerJson},
    {"tokenizer.model", ".model", FromSentencePiece},
    {"tiktoken.model", ".tiktoken", FromTiktoken},
};

TokenizerParts LoadFile(const std::filesystem::path& file, const Kind& kind) {
  const auto directory = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  return kind.load({ReadFile(file, kMaxFile), file.string(), ReadSideFiles(directory)});
}

TokenizerParts FromGguf(const weights::GgufFile& file) {
  return WithContext(file.file().path(), [&] {
    TokenizerParts parts = MakeGgufTokenizer(ReadGgufVocabulary(file));
    file.file().RequireIntact();
    return parts;
  });
}

TokenizerParts LoadGguf(const std::filesystem::path& file) { return FromGguf(weights::GgufFile::Open(file)); }

TokenizerParts LoadDirectory(const std::filesystem::path& directory) {
  for (const Kind& kind : kKinds)
    if (std::filesystem::exists(directory / kind.file)) return LoadFile(directory / kind.file, kind);
  std::filesystem::path gguf;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    // Vision files beside a model ("mmproj") hold no vocabulary.
    const bool vision = entry.path().filename().string().find("mmproj") != std::string::npos;
    if (entry.path().extension() != ".gguf" || vision) continue;
    Require(gguf.empty(), "{}: several GGUF files and no tokenizer file; name one of them", directory.string());
    gguf = entry.path();
  }
  Require(!gguf.empty(), "{}: no tokenizer.json, tokenizer.model, tiktoken.model or GGUF file is here",
          directory.string());
  return LoadGguf(gguf);
}

}  // namespace

std::unique_ptr<Tokenizer> Tokenizer::Load(const weights::GgufFile& file) {
  TokenizerParts parts = FromGguf(file);
  return WithContext(file.file().path(), [&] { return std::make_unique<Tokenizer>(std::move(parts)); });
}

std::unique_ptr<Tokenizer> Tokenizer::Load(const std::filesystem::path& path) {
  const auto load = [&] {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) return LoadDirectory(path);
    Require(std::filesystem::exists(path, error), "{}: there is no such file or directory", path.string());
    if (path.extension() == ".gguf") return LoadGguf(path);
    for (const Kind& kind : kKinds)
      if (path.filename() == kind.file) return LoadFile(path, kind);
    for (const Kind& kind : kKinds)
      if (path.extension() == kind.extension) return LoadFile(path, kind);
    Fail("{}: not a tokenizer file; expected .json, .model, .tiktoken or .gguf", path.string());
  };
  TokenizerParts parts = load();
  return WithContext(path.string(), [&] { return std::make_unique<Tokenizer>(std::move(parts)); });
}

}  // namespace tessera::text
