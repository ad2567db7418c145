#include "tessera/text/sorted_json.h"

#include <algorithm>

#include "tessera/core/error.h"

namespace tessera::text {
namespace {

constexpr size_t kMaxDepth = 64, kMaxBytes = size_t{512} << 20;

enum class Place { kOutside, kVocab, kMerges };

// Builds the tree event by event; what lies below model.vocab and model.merges goes to the lists instead.
class Builder : public nlohmann::json_sax<SortedJson> {
 public:
  Builder(VocabularyJson& out, std::string_view where, bool capture) : out_(out), where_(where), capture_(capture) {}

  bool null() override { return Value(nullptr); }
  bool boolean(bool value) override { return Value(value); }
  bool number_integer(number_integer_t value) override { return Integer(value); }
  bool number_unsigned(number_unsigned_t value) override {
    Require(place_ != Place::kVocab || value <= INT64_MAX, "{}: model.vocab: the id {} is too large", where_, value);
    return place_ == Place::kVocab ? Integer(static_cast<int64_t>(value)) : Value(value);
  }
  bool number_float(number_float_t value, const string_t&) override {
    if (place_ != Place::kVocab) return Value(value);
    return Number(value);
  }
  bool string(string_t& value) override {
    if (place_ == Place::kOutside) return Value(std::move(value));
    Require(list_depth_ > 0, "{}: model.{}: a string where none belongs", where_, PlaceName());
    if (place_ == Place::kMerges && list_depth_ == 1) {
      const size_t space = value.find(' ', 1);
      Require(space != value.npos && space + 1 < value.size() && value.find(' ', space + 1) == value.npos,
              "{}: model.merges: \"{}\" is not two pieces with a space between", where_, value.substr(0, 60));
      out_.merges.emplace_back(value.substr(0, space), value.substr(space + 1));
    } else {
      Require(list_depth_ == 2 && row_.size() < 2, "{}: model.{}: an entry is not a pair", where_, PlaceName());
      row_.push_back(std::move(value));
    }
    return true;
  }
  bool binary(binary_t&) override { return true; }
  bool key(string_t& value) override {
    if (place_ == Place::kVocab)
      piece_ = std::move(value);
    else
      keys_.back() = std::move(value);
    return true;
  }
  bool start_object(size_t) override {
    if (capture_ && AtModel() && keys_.back() == "vocab") {
      Require(place_ == Place::kOutside, "{}: model.vocab holds an object", where_);
      place_ = Place::kVocab;
      is_object_ = true;
      return true;
    }
    Require(place_ == Place::kOutside, "{}: model.{} holds an object", where_, PlaceName());
    return Open(SortedJson::object());
  }
  bool end_object() override {
    if (place_ == Place::kVocab) {
      place_ = Place::kOutside;
      is_object_ = false;
      return true;
    }
    return Close();
  }
  bool start_array(size_t) override {
    if (place_ == Place::kOutside && capture_ && AtModel() && (keys_.back() == "vocab" || keys_.back() == "merges")) {
      place_ = keys_.back() == "vocab" ? Place::kVocab : Place::kMerges;
      list_depth_ = 1;
      return true;
    }
    if (place_ == Place::kOutside) return Open(SortedJson::array());
    Require(!is_object_ && list_depth_ == 1, "{}: model.{}: lists in lists", where_, PlaceName());
    ++list_depth_;
    row_.clear();
    has_score_ = false;
    return true;
  }
  bool end_array() override {
    if (place_ == Place::kOutside) return Close();
    if (--list_depth_ == 0) {
      place_ = Place::kOutside;
    } else if (place_ == Place::kMerges) {
      Require(row_.size() == 2, "{}: model.merges: an entry is not a pair", where_);
      out_.merges.emplace_back(std::move(row_[0]), std::move(row_[1]));
    } else {
      Require(row_.size() == 1 && has_score_, "{}: model.vocab: an entry is not a piece with its score", where_);
      out_.scores.emplace_back(std::move(row_[0]), score_);
    }
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    std::string what = error.what();
    if (const auto colon = what.rfind(": "); colon != what.npos) what = what.substr(colon + 2);
    Fail("{}: not valid JSON at byte {}: {}", where_, position, what);
  }

 private:
  // Inside the object "model" of the document, at one of its keys.
  bool AtModel() const { return keys_.size() == 2 && keys_[0] == "model" && stack_.back()->is_object(); }
  std::string_view PlaceName() const { return place_ == Place::kMerges ? "merges" : "vocab"; }

  bool Number(double value) {
    Require(!is_object_ && list_depth_ == 2 && !has_score_, "{}: model.vocab: a number where none belongs", where_);
    score_ = value;
    return has_score_ = true;
  }

  bool Integer(int64_t value) {
    if (place_ == Place::kOutside) return Value(value);
    Require(place_ == Place::kVocab, "{}: model.merges holds a number", where_);
    if (!is_object_) return Number(static_cast<double>(value));
    out_.vocab.emplace_back(std::move(piece_), value);
    return true;
  }

  SortedJson* Attach(SortedJson value) {
    if (stack_.empty()) {
      out_.rest = std::move(value);
      return &out_.rest;
    }
    SortedJson& parent = *stack_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    return &(parent[keys_.back()] = std::move(value));
  }

  bool Value(SortedJson value) {
    Require(place_ == Place::kOutside, "{}: model.{}: a value where none belongs", where_, PlaceName());
    Attach(std::move(value));
    return true;
  }

  bool Open(SortedJson value) {
    Require(stack_.size() < kMaxDepth, "{}: nested deeper than {} levels", where_, kMaxDepth);
    stack_.push_back(Attach(std::move(value)));
    keys_.emplace_back();
    return true;
  }

  bool Close() {
    stack_.pop_back();
    keys_.pop_back();
    return true;
  }

  VocabularyJson& out_;
  std::string where_;
  bool capture_;
  std::vector<SortedJson*> stack_;
  std::vector<std::string> keys_;  // the current key of each open object
  Place place_ = Place::kOutside;
  bool is_object_ = false, has_score_ = false;
  int list_depth_ = 0;
  std::string piece_;
  std::vector<std::string> row_;
  double score_ = 0;
};

VocabularyJson Parse(std::string_view text, std::string_view where, bool capture) {
  Require(text.size() <= kMaxBytes, "{}: {} bytes of JSON, the limit is {}", where, text.size(), kMaxBytes);
  VocabularyJson out;
  Builder builder(out, where, capture);
  SortedJson::sax_parse(text, &builder);
  return out;
}

}  // namespace

VocabularyJson ParseVocabularyJson(std::string_view text, std::string_view where) { return Parse(text, where, true); }

SortedJson ParseSortedJson(std::string_view text, std::string_view where) { return Parse(text, where, false).rest; }

const SortedJson& Member(const SortedJson& json, std::string_view key) {
  static const SortedJson null_value;
  if (!json.is_object()) return null_value;
  const auto found = json.find(key);
  return found == json.end() ? null_value : *found;
}

std::string StringOr(const SortedJson& json, std::string_view key, std::string_view fallback) {
  const SortedJson& value = Member(json, key);
  if (value.is_null()) return std::string(fallback);
  Require(value.is_string(), "\"{}\" must be a string, got {}", key, value.type_name());
  return value.get<std::string>();
}

bool BoolOr(const SortedJson& json, std::string_view key, bool fallback) {
  const SortedJson& value = Member(json, key);
  if (value.is_null()) return fallback;
  Require(value.is_boolean(), "\"{}\" must be true or false, got {}", key, value.type_name());
  return value.get<bool>();
}

int64_t IntOr(const SortedJson& json, std::string_view key, int64_t fallback) {
  const SortedJson& value = Member(json, key);
  if (value.is_null()) return fallback;
  Require(value.is_number_integer(), "\"{}\" must be a whole number, got {}", key, value.type_name());
  Require(!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX, "\"{}\" is too large", key);
  return value.get<int64_t>();
}

const SortedJson& ArrayMember(const SortedJson& json, std::string_view key) {
  static const SortedJson empty = SortedJson::array();
  const SortedJson& value = Member(json, key);
  if (value.is_null()) return empty;
  Require(value.is_array(), "\"{}\" must be a list, got {}", key, value.type_name());
  return value;
}

}  // namespace tessera::text
