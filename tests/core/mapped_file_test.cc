#include "tessera/core/mapped_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <vector>

#include "tessera/core/error.h"
#include "tests/weights/temporary_folder.h"

namespace tessera {
namespace {

TEST(MappedFile, GivesTheBytesOfTheFile) {
  TemporaryFolder folder;
  std::ofstream(folder / "f") << "hello";
  const auto file = MappedFile::Open(folder / "f");
  EXPECT_EQ(file->text(), "hello");
  EXPECT_FALSE(file->broken());
  EXPECT_NO_THROW(file->RequireIntact());
  EXPECT_NO_THROW(RequireMappingsIntact());
  std::ofstream(folder / "empty").close();
  EXPECT_EQ(MappedFile::Open(folder / "empty")->size(), 0);
}

TEST(MappedFile, AbsentFilesAndFoldersAreErrors) {
  TemporaryFolder folder;
  EXPECT_THROW(MappedFile::Open(folder / "absent"), Error);
  EXPECT_THROW(MappedFile::Open(folder.path()), Error);
  EXPECT_THROW(MappedFile::Open("/dev/null"), Error);
}

TEST(MappedFile, FileThatShrinksReadsAsZerosAndIsReported) {
  TemporaryFolder folder;
  std::ofstream(folder / "f") << std::string(100'000, 'x');
  const auto file = MappedFile::Open(folder / "f");
  EXPECT_EQ(file->text()[0], 'x');
  std::filesystem::resize_file(folder / "f", 10);
  EXPECT_THROW(file->RequireIntact(), Error);  // seen before any page is touched
  int sum = 0;
  for (const char c : file->text().substr(50'000)) sum += c;
  EXPECT_EQ(sum, 0);
  EXPECT_TRUE(file->broken());
  EXPECT_THROW(RequireMappingsIntact(), Error);
  std::filesystem::resize_file(folder / "f", 100'000);
  try {
    file->RequireIntact();  // growing again does not heal what was read as zeros
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("cut short"));
  }
}

TEST(MappedFile, ReleasedPagesReadAsTheFileAgain) {
  TemporaryFolder folder;
  std::ofstream(folder / "f") << std::string(50'000, 'a') << std::string(50'000, 'b');
  const auto file = MappedFile::Open(folder / "f");
  ReleaseMappedPages(file->bytes().subspan(100, 90'000));
  EXPECT_EQ(file->text(), std::string(50'000, 'a') + std::string(50'000, 'b'));
  std::string elsewhere(100'000, 'c');
  ReleaseMappedPages(std::as_bytes(std::span(elsewhere)));
  EXPECT_EQ(elsewhere, std::string(100'000, 'c'));
}

TEST(ReadMapped, GivesTheBytesOfTheFileAndThoseOfAnythingElseWhereTheyAre) {
  TemporaryFolder folder;
  std::ofstream(folder / "f") << std::string(50'000, 'a') << std::string(50'000, 'b');
  const auto file = MappedFile::Open(folder / "f");
  std::vector<std::byte> buffer(70'000);
  const std::byte* read = ReadMapped(file->bytes().subspan(25'000, 70'000), buffer.data());
  ASSERT_EQ(read, buffer.data());
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(read), 70'000),
            std::string(25'000, 'a') + std::string(45'000, 'b'));
  const std::string elsewhere = "here";
  const auto bytes = std::as_bytes(std::span(elsewhere));
  EXPECT_EQ(ReadMapped(bytes, buffer.data()), bytes.data());
  const auto memory = MappedFile::FromMemory("there", "name");
  EXPECT_EQ(ReadMapped(memory->bytes(), buffer.data()), memory->bytes().data());
}

TEST(ReadMapped, WhatWasCutOffIsZerosAndIsReported) {
  TemporaryFolder folder;
  std::ofstream(folder / "f") << std::string(100'000, 'x');
  const auto file = MappedFile::Open(folder / "f");
  std::filesystem::resize_file(folder / "f", 10);
  std::vector<std::byte> buffer(20, std::byte{1});
  ReadMapped(file->bytes().first(20), buffer.data());
  EXPECT_EQ(buffer[9], std::byte{'x'});
  EXPECT_EQ(buffer[10], std::byte{0});
  EXPECT_EQ(buffer[19], std::byte{0});
  EXPECT_TRUE(file->broken());
  EXPECT_THROW(RequireMappingsIntact(), Error);
}

TEST(MappedFile, OtherBusErrorsStillEndTheProcess) {
  TemporaryFolder folder;
  std::ofstream(folder / "f") << "x";
  const auto file = MappedFile::Open(folder / "f");  // the handler is in place
  EXPECT_DEATH(raise(SIGBUS), "");                   // a sanitizer ends it with a report, everybody else by the signal
}

TEST(ReadFile, RefusesMoreThanItsLimit) {
  TemporaryFolder folder;
  std::ofstream(folder / "f") << "12345";
  EXPECT_EQ(ReadFile(folder / "f", 5), "12345");
  EXPECT_THROW(ReadFile(folder / "f", 4), Error);
}

}  // namespace
}  // namespace tessera
