#include "tessera/weights/pytorch_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/weights/pickle.h"
#include "tessera/weights/zip_archive.h"

namespace tessera::weights {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

std::string File(const std::string& name) { return std::string(TESSERA_TEST_DATA) + "/pytorch/" + name; }

TEST(PyTorchFile, TensorsOfTheStateDictAreMappedAndTheRestIsSkipped) {
  const PyTorchFile file = PyTorchFile::Open(File("tiny.ckpt"));
  std::vector<std::string> names;
  for (const TensorInfo& info : file.tensors()) names.push_back(info.name);
  EXPECT_THAT(names, ElementsAre("a", "b", "half", "steps", "weight"));
  EXPECT_EQ(file.Get("a").shape(), (Shape{2, 2}));
  EXPECT_THAT(file.Get("a").data<float>(), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(file.Get("b").data<float>(), ElementsAre(4, 5));
  EXPECT_THAT(file.Get("half").To(DType::kF32).data<float>(), ElementsAre(0.5, -2));
  EXPECT_EQ(file.Get("steps").item<int64_t>(), int64_t{1} << 40);
  EXPECT_EQ(file.Get("weight").shape(), (Shape{1, 3}));
  EXPECT_THAT(file.Get("weight").data<float>(), ElementsAre(1, 2, 3));
  EXPECT_FALSE(file.Has("epoch"));
  EXPECT_THAT([&] { file.Get("c"); }, ThrowsMessage<Error>(HasSubstr("no tensor \"c\"")));
}

TEST(PyTorchFile, ADictionaryOfTensorsAloneInProtocol4) {
  const PyTorchFile file = PyTorchFile::Open(File("plain_protocol4.pt"));
  EXPECT_EQ(file.Get("a").shape(), (Shape{2, 3}));
}

TEST(PyTorchFile, WhatCannotBeMappedIsRefused) {
  const auto refused = [](const char* name, const char* message) {
    EXPECT_THAT([&] { PyTorchFile::Open(File(name)); }, ThrowsMessage<Error>(HasSubstr(message))) << name;
  };
  refused("transposed.pt", "tensor \"a\" does not hold its values in order");
  refused("beyond.pt", "tensor \"a\" reaches beyond its storage");
  refused("big_endian.pt", "its values are big-endian");
  EXPECT_THAT([] { PyTorchFile::Open(MappedFile::FromMemory("no archive", "x")); },
              ThrowsMessage<Error>(HasSubstr("x: not a ZIP archive")));
}

// Cut anywhere, or with any one byte changed, a file is read or refused, and never leads outside itself.
TEST(PyTorchFile, DamagedFilesAreReadOrRefused) {
  const std::string whole = ReadFile(File("tiny.ckpt"), 1 << 20);
  const auto read = [](std::string bytes) {
    try {
      const PyTorchFile file = PyTorchFile::Open(MappedFile::FromMemory(std::move(bytes), "x"));
      for (const TensorInfo& info : file.tensors()) EXPECT_EQ(file.Get(info.name).bytes(), info.bytes);
      return true;
    } catch (const Error&) {
      return false;
    }
  };
  EXPECT_TRUE(read(whole));
  int refused = 0;
  for (size_t length = 0; length < whole.size(); length += 7) refused += !read(whole.substr(0, length));
  EXPECT_EQ(static_cast<size_t>(refused), (whole.size() + 6) / 7);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x15);
    read(std::move(changed));
  }
}

TEST(Pickle, InstructionsThatCouldDoSomethingAreNotKnown) {
  // cos\nsystem\n(S'…'\ntR. as an attacker would write it: the text instruction of protocol 0 is not read, and the call
  // of a name would only be noted.
  EXPECT_THAT([] { ReadPickle("cos\nsystem\n(S'true'\ntR.", "x"); },
              ThrowsMessage<Error>(HasSubstr("instruction 0x53 at byte 12")));
  const Pickle noted = ReadPickle(std::string_view("cos\nsystem\n\x8c\x04true\x85R.", 21), "x");
  EXPECT_EQ(noted.at(noted.root).kind, PickleValue::Kind::kCall);
  EXPECT_EQ(noted.at(noted.at(noted.root).items[0]).text, "os system");
}

TEST(Pickle, LongNumbersAreInTwosComplement) {
  const auto number = [](const std::string& bytes) {
    const Pickle pickle =
        ReadPickle("\x80\x02\x8a" + std::string(1, static_cast<char>(bytes.size())) + bytes + ".", "p");
    return pickle.at(pickle.root).number;
  };
  EXPECT_EQ(number(""), 0);
  EXPECT_EQ(number("\x7f"), 127);
  EXPECT_EQ(number("\xff"), -1);
  EXPECT_EQ(number(std::string("\xff\x00", 2)), 255);
  EXPECT_EQ(number(std::string(7, '\0') + "\x80"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(number(std::string(7, '\xff') + "\x7f"), std::numeric_limits<int64_t>::max());
}

TEST(Pickle, StacksThatDoNotFitAndTooManyValuesAreRefused) {
  const auto refused = [](const std::string& pickle, const char* message) {
    EXPECT_THAT([&] { ReadPickle(pickle, "x"); }, ThrowsMessage<Error>(HasSubstr(message)));
  };
  refused(".", "takes a value that is not there");
  refused("t.", "closes what it did not open");
  refused("h\x01.", "recalls value 1");
  refused("}N(Nu.", "a key without a value");
  refused("X\xff\xff\xff\xff.", "a text at byte 5 needs 4294967295 bytes");
  refused("N", "an instruction at byte 1");
  refused(std::string(300000, 'N') + ".", "more than 262144 values");
  refused(std::string((size_t{8} << 20) + 1, 'N'), "at most 8388608 are read");
}

TEST(ZipArchive, WhatIsNoArchiveIsRefused) {
  const auto refused = [](const std::string& bytes, const char* message) {
    EXPECT_THAT([&] { ReadZipDirectory(bytes, "x"); }, ThrowsMessage<Error>(HasSubstr(message)));
  };
  refused("", "not a ZIP archive");
  refused(std::string("PK\x05\x06") + std::string(10, '\0'), "is cut");
  std::string end = std::string("PK\x05\x06") + std::string(18, '\0');
  EXPECT_TRUE(ReadZipDirectory(end, "x").empty());
  end[16] = 100;  // the directory begins behind the end
  refused(end, "lies outside the file");
  end[16] = 0;
  end[10] = 3;  // three members in no bytes
  refused(end, "an entry of the directory");
}

}  // namespace
}  // namespace tessera::weights
