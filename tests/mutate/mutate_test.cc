// Damages small valid model files in one number, in a few bytes, or by cutting, and loads them. Each must load, with
// every tensor that the damage did not reach unchanged, or give an Error that names the file; and a small file may not
// ask for much memory. TESSERA_MUTATIONS sets how many files are tried altogether.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>

#include "fuzz/mutate_fields.h"
#include "tessera/core/error.h"
#include "tessera/core/random.h"
#include "tessera/weights/checkpoint.h"
#include "tessera/weights/gguf_names.h"
#include "tessera/weights/safetensors.h"
#include "tests/mutate/allocation_meter.h"
#include "tests/weights/small_models.h"
#include "tests/weights/temporary_folder.h"

namespace tessera::weights {
namespace {

constexpr int64_t kAllowedBytes = 16 << 20;

int64_t Count(int share) {  // of five programs' worth
  const char* wanted = std::getenv("TESSERA_MUTATIONS");
  return (wanted == nullptr ? 1000 : std::atoll(wanted)) * share / 5;
}

struct Loaded {
  std::map<std::string, std::pair<TensorInfo, std::string>> tensors;  // with their bytes
};

template <typename File>
Loaded Contents(const File& file) {
  Loaded loaded;
  for (const TensorInfo& info : file.tensors()) {
    const Tensor tensor = file.Get(info.name);
    loaded.tensors[info.name] = {
        info, std::string(reinterpret_cast<const char*>(tensor.raw()), static_cast<size_t>(tensor.bytes()))};
  }
  return loaded;
}

template <typename File>
Loaded Load(const std::string& bytes) {
  const File file = File::Open(MappedFile::FromMemory(bytes, "mutated"));
  if constexpr (std::is_same_v<File, GgufFile>) WithContext("mutated", [&] { ConfigFromGguf(file); });
  return Contents(file);
}

// One file of the campaign: what it was, and what came of it.
template <typename File>
class Campaign {
 public:
  explicit Campaign(std::string original) : original_(std::move(original)), expected_(Load<File>(original_)) {}

  const std::string& original() const { return original_; }

  void Try(const std::string& mutated) {
    StartMeasuring();
    try {
      const Loaded loaded = Load<File>(mutated);
      for (const auto& [name, tensor] : loaded.tensors) RequireUnchanged(mutated, name, tensor);
      ++loaded_;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("mutated")) << "the error does not name the file";
      ++refused_;
    }
    EXPECT_LT(PeakBytes(), kAllowedBytes + 8 * std::ssize(mutated));
  }
  void Report() const {
    testing::Test::RecordProperty("loaded", std::to_string(loaded_));
    testing::Test::RecordProperty("refused", std::to_string(refused_));
    EXPECT_GT(refused_, 0);
  }

 private:
  std::string original_;
  Loaded expected_;
  int64_t loaded_ = 0, refused_ = 0;

  // A tensor that says the same as before and lies in bytes that are the same as before has the same values.
  void RequireUnchanged(const std::string& mutated, const std::string& name,
                        const std::pair<TensorInfo, std::string>& tensor) {
    const auto& [info, bytes] = tensor;
    EXPECT_EQ(bytes, mutated.substr(static_cast<size_t>(info.begin), bytes.size())) << name;
    const auto before = expected_.tensors.find(name);
    if (before == expected_.tensors.end() || mutated.size() != original_.size()) return;
    const TensorInfo& old = before->second.first;
    if (old.begin != info.begin || old.bytes != info.bytes || old.dtype != info.dtype) return;
    const auto begin = static_cast<size_t>(info.begin), size = static_cast<size_t>(info.bytes);
    const bool touched = original_.compare(begin, size, mutated, begin, size) != 0;
    EXPECT_TRUE(touched || bytes == before->second.second) << name;
  }
};

std::string EveryKindOfGguf() {
  TemporaryFolder folder;
  WriteEveryKindOfGguf(folder / "f");
  return ReadFile(folder / "f", 1 << 20);
}

std::string EveryKindOfSafetensors() {
  TemporaryFolder folder;
  WriteEveryKindOfSafetensors(folder / "f");
  return ReadFile(folder / "f", 1 << 20);
}

// Changes, inserts or removes a few bytes, mostly in the first `header` bytes.
std::string MutateBytes(std::string bytes, size_t header, Random& random) {
  const uint64_t changes = 1 + random.Below(4);
  for (uint64_t i = 0; i < changes; ++i) {
    const size_t at = random.Below(random.Below(10) < 8 ? header : bytes.size());
    switch (random.Below(6)) {
      case 0:
        bytes.insert(at, 1 + random.Below(8), static_cast<char>(random.Next()));
        break;
      case 1:
        bytes.erase(at, 1 + random.Below(8));
        break;
      case 2:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.Below(8)));
        break;
      default:
        bytes[at] = static_cast<char>(random.Next());
    }
    header = std::min(header, bytes.size());
    if (bytes.empty()) return "x";
  }
  return bytes;
}

TEST(Mutate, OneNumberOfAGgufFile) {
  Campaign<GgufFile> campaign(EveryKindOfGguf());
  const auto fields = fuzz::GgufFields::Find(campaign.original());
  ASSERT_GT(fields.size(), 100u);
  Random random(1);
  for (int64_t i = 0; i < Count(1); ++i) {
    std::string bytes = campaign.original();
    fuzz::MutateGgufField(bytes, fields, random.Next64());
    campaign.Try(bytes);
  }
  campaign.Report();
}

TEST(Mutate, AFewBytesOfAGgufFile) {
  Campaign<GgufFile> campaign(EveryKindOfGguf());
  const auto header = fuzz::GgufFields::Find(campaign.original()).back();
  Random random(2);
  for (int64_t i = 0; i < Count(1); ++i)
    campaign.Try(MutateBytes(campaign.original(), header.begin + header.size, random));
  campaign.Report();
}

TEST(Mutate, OneNumberOfASafetensorsFile) {
  Campaign<SafetensorsFile> campaign(EveryKindOfSafetensors());
  const auto fields = fuzz::SafetensorsFields(campaign.original());
  ASSERT_GT(fields.size(), 30u);
  Random random(3);
  for (int64_t i = 0; i < Count(1); ++i) {
    std::string bytes = campaign.original();
    fuzz::MutateSafetensorsField(bytes, fields, random.Next64());
    campaign.Try(bytes);
  }
  campaign.Report();
}

TEST(Mutate, AFewBytesOfASafetensorsFile) {
  Campaign<SafetensorsFile> campaign(EveryKindOfSafetensors());
  uint64_t header = 0;
  std::memcpy(&header, campaign.original().data(), 8);
  Random random(4);
  for (int64_t i = 0; i < Count(1); ++i) campaign.Try(MutateBytes(campaign.original(), header + 8, random));
  campaign.Report();
}

TEST(Mutate, FilesOfADirectory) {
  TemporaryFolder folder;
  const Tensor weight = Tensor::From<float>({1, 2, 3, 4}, {2, 2});
  WriteSafetensors(folder / "a.safetensors", {{"a", weight}});
  WriteSafetensors(folder / "b.safetensors", {{"b", weight}});
  const std::vector<std::pair<std::string, std::string>> files = {
      {"model.safetensors.index.json", R"({"weight_map": {"a": "a.safetensors", "b": "b.safetensors"}})"},
      {"config.json", R"({"model_type": "llama", "rope_theta": 1e4, "rope_scaling": {"type": "linear", "factor": 2}})"},
      {"a.safetensors", ReadFile(folder / "a.safetensors", 1 << 20)}};
  const auto write = [&](const std::string& name, const std::string& bytes) {
    std::ofstream(folder / name, std::ios::binary) << bytes;
  };
  for (const auto& [name, bytes] : files) write(name, bytes);
  Random random(5);
  int64_t refused = 0;
  for (int64_t i = 0; i < Count(1); ++i) {
    const auto& [name, bytes] = files[static_cast<size_t>(i) % files.size()];
    write(name, MutateBytes(bytes, bytes.size(), random));
    StartMeasuring();
    try {
      const Checkpoint checkpoint = Checkpoint::Open(folder.path());
      const Tensor b = checkpoint.Find("b");
      EXPECT_TRUE(!b.defined() || b.data<float>()[3] == 4);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(folder.path().string())) << "the error does not name the file";
      ++refused;
    }
    EXPECT_LT(PeakBytes(), kAllowedBytes);
    write(name, bytes);
  }
  EXPECT_GT(refused, 0);
}

TEST(Mutate, LyingCountsOfTinyFilesCostNoMemory) {
  const std::string gguf = EveryKindOfGguf(), header = gguf.substr(0, 1024);
  for (const fuzz::Field& field : fuzz::GgufFields::Find(header)) {
    for (const uint64_t lie : {uint64_t{1} << 20, uint64_t{1} << 26, uint64_t{1} << 32, uint64_t{1} << 63}) {
      std::string bytes = header;
      std::memcpy(bytes.data() + field.begin, &lie, field.size);
      StartMeasuring();
      EXPECT_THROW(Load<GgufFile>(bytes), Error);
      EXPECT_LT(PeakBytes(), kAllowedBytes);
    }
  }
}

}  // namespace
}  // namespace tessera::weights
