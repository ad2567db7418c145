// What tests write goes to a folder of their program's own (testing::TempDir), which is gone when the program ends.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>

namespace {

class OwnFolder : public testing::Environment {
 public:
  void SetUp() override {
    path_ = (std::filesystem::temp_directory_path() / "tessera-tests-XXXXXX").string();
    ASSERT_NE(mkdtemp(path_.data()), nullptr);
    ASSERT_EQ(setenv("TEST_TMPDIR", path_.c_str(), 1), 0);  // where testing::TempDir looks
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

 private:
  std::string path_;
};

[[maybe_unused]] const auto* const kOwnFolder =
    testing::AddGlobalTestEnvironment(std::make_unique<OwnFolder>().release());

}  // namespace
