#include "tessera/cli/saved_chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tessera/core/error.h"
#include "weights/temporary_folder.h"

namespace tessera::cli {
namespace {

using testing::HasSubstr;

std::string Failure(std::string_view text) {
  try {
    ParseSavedChat(text, "talk.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(SavedChat, WhatIsWrittenIsReadBack) {
  const TemporaryFolder folder;
  const Json turns = {{{"role", "user"}, {"content", "Hi"}, {"images", {"a.png"}}},
                      {{"role", "assistant"}, {"content", "Hello \"you\"."}}};
  WriteSavedChat(folder / "talk.json", {.model = "m", .system = "Be brief.", .turns = turns});
  const SavedChat chat = ReadSavedChat(folder / "talk.json");
  EXPECT_EQ(chat.model, "m");
  EXPECT_EQ(chat.system, "Be brief.");
  EXPECT_EQ(chat.turns, turns);
}

TEST(SavedChat, OtherFilesAreRefusedWithAReason) {
  EXPECT_THAT(Failure("[]"), HasSubstr("talk.json: not a conversation"));
  EXPECT_THAT(Failure(R"({"messages": [{"role": "user", "content": "a"}, {"role": "user"}]})"),
              HasSubstr("message 2 lacks"));
  EXPECT_THAT(Failure(R"({"messages": [{"role": "user", "content": "a", "images": ["x", 1]}]})"),
              HasSubstr("\"images\" of message 1"));
  EXPECT_THAT(Failure("{\"messages\": "), HasSubstr("not valid JSON"));
  EXPECT_THROW(ReadSavedChat("/dev/zero"), Error);  // endless, and no regular file
  EXPECT_THROW(ReadSavedChat("/no/such/file"), Error);
}

}  // namespace
}  // namespace tessera::cli
