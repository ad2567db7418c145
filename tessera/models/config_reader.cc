#include "tessera/models/config_reader.h"

#include <cmath>

#include "tessera/core/error.h"

namespace tessera::models {
namespace {

constexpr int64_t kMaxSize = int64_t{1} << 24;

// What a key holds, short enough for a message.
std::string Shown(const Json& value) {
  const std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() <= 60 ? text : text.substr(0, 60) + "…";
}

}  // namespace

ConfigReader::ConfigReader(const Json& config) : config_(config) {
  Require(config.is_object(), "config: it must be a JSON object");
}

const Json* ConfigReader::Find(const char* key) const {
  const auto found = config_.find(key);
  return found != config_.end() && !found->is_null() ? &*found : nullptr;
}

bool ConfigReader::Has(const char* key) const { return Find(key) != nullptr; }

int64_t ConfigReader::Size(const char* key) const {
  const Json* value = Find(key);
  Require(value != nullptr, "config: \"{}\" is missing", key);
  Require(value->is_number_integer() && *value >= 1 && *value <= kMaxSize,
          "config: \"{}\" must be a whole number from 1 to {}, got {}", key, kMaxSize, Shown(*value));
  return value->get<int64_t>();
}

int64_t ConfigReader::Size(const char* key, int64_t otherwise) const { return Has(key) ? Size(key) : otherwise; }

int64_t ConfigReader::Count(const char* key, int64_t otherwise) const {
  const Json* value = Find(key);
  return value != nullptr && *value == 0 ? 0 : Size(key, otherwise);
}

std::vector<int64_t> ConfigReader::Counts(const char* key, const std::vector<int64_t>& otherwise) const {
  const Json* value = Find(key);
  if (value == nullptr) return otherwise;
  Require(value->is_array(), "config: \"{}\" must be a list, got {}", key, Shown(*value));
  std::vector<int64_t> counts;
  for (const Json& entry : *value) {
    Require(entry.is_number_integer() && entry >= 0 && entry <= kMaxSize,
            "config: \"{}\" must be whole numbers from 0 to {}, got {}", key, kMaxSize, Shown(*value));
    counts.push_back(entry.get<int64_t>());
  }
  return counts;
}

double ConfigReader::Positive(const char* key, double otherwise) const {
  const Json* value = Find(key);
  if (value == nullptr) return otherwise;
  Require(value->is_number() && std::isfinite(value->get<double>()) && value->get<double>() > 0,
          "config: \"{}\" must be a positive number, got {}", key, Shown(*value));
  return value->get<double>();
}

bool ConfigReader::Flag(const char* key, bool otherwise) const {
  const Json* value = Find(key);
  if (value == nullptr) return otherwise;
  Require(value->is_boolean(), "config: \"{}\" must be true or false, got {}", key, Shown(*value));
  return value->get<bool>();
}

std::string ConfigReader::Text(const char* key, const std::string& otherwise) const {
  const Json* value = Find(key);
  if (value == nullptr) return otherwise;
  Require(value->is_string(), "config: \"{}\" must be a text, got {}", key, Shown(*value));
  return value->get<std::string>();
}

std::vector<std::string> ConfigReader::Texts(const char* key) const {
  const Json* value = Find(key);
  if (value == nullptr) return {};
  Require(value->is_array(), "config: \"{}\" must be a list, got {}", key, Shown(*value));
  std::vector<std::string> texts;
  for (const Json& entry : *value) {
    Require(entry.is_string(), "config: \"{}\" must be a list of texts, got {}", key, Shown(*value));
    texts.push_back(entry.get<std::string>());
  }
  return texts;
}

std::vector<double> ConfigReader::Numbers(const char* key, const std::vector<double>& otherwise) const {
  const Json* value = Find(key);
  if (value == nullptr) return otherwise;
  Require(value->is_array() && value->size() == otherwise.size(), "config: \"{}\" must be {} numbers, got {}", key,
          otherwise.size(), Shown(*value));
  std::vector<double> numbers;
  for (const Json& entry : *value) {
    Require(entry.is_number() && std::isfinite(entry.get<double>()), "config: \"{}\" must be finite numbers, got {}",
            key, Shown(*value));
    numbers.push_back(entry.get<double>());
  }
  return numbers;
}

std::vector<int64_t> ConfigReader::Ids(const char* key, int64_t vocab) const {
  const Json* value = Find(key);
  if (value == nullptr) return {};
  const Json list = value->is_array() ? *value : Json::array({*value});
  std::vector<int64_t> ids;
  for (const Json& entry : list) {
    Require(entry.is_number_integer(), "config: \"{}\" must hold token ids, got {}", key, Shown(*value));
    if (entry >= 0 && entry < vocab) ids.push_back(entry.get<int64_t>());
  }
  return ids;
}

}  // namespace tessera::models
