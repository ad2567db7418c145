#pragma once
// Reads the keys of a config.json, which comes from outside: every number has limits, every error names its key.

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/core/json.h"

namespace tessera::models {

class ConfigReader {
 public:
  explicit ConfigReader(const Json& config);  // throws Error unless it is an object; must outlive the reader

  bool Has(const char* key) const;  // there and not null
  const Json& json() const { return config_; }

  // A count, 1 … 2^24: sizes beyond that are no model. The second form is for a key that may be absent or null.
  int64_t Size(const char* key) const;
  int64_t Size(const char* key, int64_t otherwise) const;
  int64_t Count(const char* key, int64_t otherwise) const;  // the same, but 0 is allowed
  std::vector<int64_t> Counts(const char* key, const std::vector<int64_t>& otherwise) const;  // a list of such counts
  double Positive(const char* key, double otherwise) const;                                   // a finite number > 0
  bool Flag(const char* key, bool otherwise) const;
  std::string Text(const char* key, const std::string& otherwise) const;
  std::vector<std::string> Texts(const char* key) const;  // a list of texts; empty if absent
  std::vector<double> Numbers(const char* key, const std::vector<double>& otherwise) const;  // finite, as many as those
  // Token ids: a number, a list of numbers, or nothing. Ids outside 0 … vocab - 1 are left out: published files hold
  // -1 for "none".
  std::vector<int64_t> Ids(const char* key, int64_t vocab) const;

 private:
  const Json& config_;
  const Json* Find(const char* key) const;
};

}  // namespace tessera::models
