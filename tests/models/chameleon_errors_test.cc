// Configurations and files of a Chameleon that do not fit: one clear message each, before anything is allocated for
// them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "models/golden.h"
#include "tessera/core/mapped_file.h"
#include "tessera/models/chameleon.h"
#include "tessera/models/chameleon_vocabulary.h"
#include "tessera/models/picture_tokens.h"
#include "tessera/models/vqgan_files.h"
#include "weights/temporary_folder.h"

namespace tessera::models {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;
namespace fs = std::filesystem;

const std::string kName = "chameleon_34b_style_bf16";

TEST(ChameleonErrors, AConfigWithoutItsPictures) {
  const Json good = Golden(kName).checkpoint.config();
  const auto refused = [&](const std::function<void(Json&)>& change, const char* message) {
    Json config = good;
    change(config);
    const ModelSource source{.config = config, .generation_config = config, .find = {}};
    EXPECT_THAT([&] { ChameleonPictures(source); }, ThrowsMessage<Error>(HasSubstr(message)));
  };
  refused([](Json& c) { c.erase("vq_config"); }, "\"vq_config\" is missing; a Chameleon's config.json has it");
  refused([](Json& c) { c["vq_config"] = 3; }, "\"vq_config\" is missing");
  refused([](Json& c) { c.erase("vocabulary_map"); }, "\"vocabulary_map\" is missing");
  refused([](Json& c) { c["vocabulary_map"]["IMGIMGAZ"] = "no id"; }, "an id that is not one of 0 to 497");
  refused([](Json& c) { c["vocabulary_map"]["IMGIMGAZ"] = 498; }, "an id that is not one of 0 to 497");
  refused([](Json& c) { c["vocabulary_map"].erase("IMGIMGBZ"); }, "no token for image code 1");
  refused([](Json& c) { c["vocabulary_map"]["IMGIMGABZ"] = 9; }, "names image code 1 twice");
  refused([](Json& c) { c["vocabulary_map"]["IMGIMGBCIZ"] = 9; }, "image code 128, but the VQ-GAN has 128 codes");
  refused([](Json& c) { c["vocabulary_map"].erase("<racm3:break>"); }, "no token <racm3:break>");
  refused([](Json& c) { c["image_token_id"] = -7; }, "\"image_token_id\"");
  refused([](Json& c) { c["vq_config"]["num_embeddings"] = 16777216; },
          "the VQ-GAN has 16777216 codes, but \"vocabulary_map\" names 498 tokens");
  refused([](Json& c) { c["vq_config"]["latent_channels"] = 16777216; }, "the limit is 65536");
}

// A copy of the case in a folder of its own, whose files can be damaged.
struct Copied {
  TemporaryFolder folder;

  Copied() {
    fs::create_directory(folder / "tokenizer");
    for (const char* file : {"config.json", "model.safetensors", "tokenizer/vqgan.yaml", "tokenizer/vqgan.safetensors"})
      fs::copy_file(fs::path(Golden::Folder(kName)) / file, folder / file);
  }
  std::unique_ptr<LanguageModel> Load() const { return LoadModel(weights::Checkpoint::Open(folder.path())); }
  void Write(const char* file, const std::string& text) const { std::ofstream(folder / file) << text; }
};

// The tensors of a safetensors file as torch.save writes them, by the script that makes tests/data/pytorch.
void WriteReleasedFile(const fs::path& from, const fs::path& to) {
  const std::string code =
      "import sys; sys.path.insert(0, sys.argv[1]); import tiny_pytorch_file as t; "
      "t.convert(sys.argv[2], sys.argv[3])";
  const std::string command = fmt::format("python3 -B -c '{}' '{}' '{}' '{}'", code, TESSERA_SOURCE_DIR "/tools/oracle",
                                          from.string(), to.string());
  ASSERT_EQ(std::system(command.c_str()), 0);
}

TEST(ChameleonErrors, ReadsWithoutTheDecoderButDoesNotDraw) {
  const Copied copied;
  fs::remove_all(copied.folder / "tokenizer");
  const auto model = copied.Load();
  const PictureTokens& ink = *model->picture_tokens();
  EXPECT_FALSE(ink.can_draw());
  EXPECT_THAT([&] { ink.Draw(std::span(ink.vocabulary().image).first(1)); },
              ThrowsMessage<Error>(HasSubstr("put tokenizer/vqgan.ckpt and tokenizer/vqgan.yaml")));
}

// The release's own file, which is a program for Python: here it is read and never run.
TEST(ChameleonErrors, TheReleasesOwnFileDrawsTheSamePicture) {
  if (std::system("python3 --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "python3 writes the file";
  const Copied copied;
  const auto model = copied.Load();
  fs::remove(copied.folder / "tokenizer/vqgan.safetensors");
  WriteReleasedFile(fs::path(Golden::Folder(kName)) / "tokenizer/vqgan.safetensors",
                    copied.folder / "tokenizer/vqgan.ckpt");
  const auto released = copied.Load();
  ASSERT_TRUE(released->picture_tokens()->can_draw());
  const auto ids = std::span(model->picture_tokens()->vocabulary().image).first(100);
  const Tensor a = model->picture_tokens()->Draw(ids), b = released->picture_tokens()->Draw(ids);
  EXPECT_TRUE(std::ranges::equal(a.data<uint8_t>(), b.data<uint8_t>()));
}

TEST(ChameleonErrors, DamagedFilesOfTheImageTokenizerAreNamed) {
  const Copied copied;
  const auto refused = [&](const char* message) {
    EXPECT_THAT([&] { copied.Load(); }, ThrowsMessage<Error>(HasSubstr(message)));
  };
  const std::string yaml = ReadFile(copied.folder / "tokenizer/vqgan.yaml", 1 << 20);
  copied.Write("tokenizer/vqgan.yaml", "model: *x");
  refused("vqgan.yaml: line 1: this kind of value is not read here");
  copied.Write("tokenizer/vqgan.yaml", "model:\n  params: {}");
  refused("vqgan.yaml: vqgan: there is no \"ddconfig\"");
  std::string other = yaml;
  other.replace(other.find("n_embed: 128"), 12, "n_embed: 129");
  copied.Write("tokenizer/vqgan.yaml", other);
  refused("129 codes, 1024 a picture; the model's config says 128 and 1024");
  fs::remove(copied.folder / "tokenizer/vqgan.yaml");
  refused("vqgan.yaml is missing beside it");
  copied.Write("tokenizer/vqgan.yaml", yaml);
  EXPECT_TRUE(copied.Load()->picture_tokens()->can_draw());
  fs::resize_file(copied.folder / "tokenizer/vqgan.safetensors", 100000);
  refused("vqgan.safetensors");
  fs::remove(copied.folder / "tokenizer/vqgan.safetensors");
  copied.Write("tokenizer/vqgan.ckpt", "not an archive");
  refused("vqgan.ckpt: not a ZIP archive");
}

}  // namespace
}  // namespace tessera::models
