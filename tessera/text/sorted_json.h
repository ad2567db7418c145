#pragma once
// JSON of tokenizer files. A vocabulary is an object with 10⁵ keys, for which the ordinary Json (whose objects are
// searched from the front) takes quadratic time; here objects are sorted maps, and the vocabulary never becomes a tree.

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tessera::text {

using SortedJson = nlohmann::json;

struct VocabularyJson {
  SortedJson rest;                                          // the document without the two lists below
  std::vector<std::pair<std::string, int64_t>> vocab;       // model.vocab of BPE: piece -> id
  std::vector<std::pair<std::string, double>> scores;       // model.vocab of Unigram: [piece, score] in order of ids
  std::vector<std::pair<std::string, std::string>> merges;  // model.merges: "a b" or ["a", "b"]
};

// Throws Error "where: …" for malformed text, depth beyond 64, or a vocabulary or list of merges of another shape.
VocabularyJson ParseVocabularyJson(std::string_view text, std::string_view where);
SortedJson ParseSortedJson(std::string_view text, std::string_view where);

// json[key] with a checked type; `fallback` if the key is absent or null. Throws Error naming the key otherwise.
std::string StringOr(const SortedJson& json, std::string_view key, std::string_view fallback);
bool BoolOr(const SortedJson& json, std::string_view key, bool fallback);
int64_t IntOr(const SortedJson& json, std::string_view key, int64_t fallback);
const SortedJson& Member(const SortedJson& json, std::string_view key);  // a null value if absent
// The member `key`, which must be an array (an absent one is empty).
const SortedJson& ArrayMember(const SortedJson& json, std::string_view key);

}  // namespace tessera::text
