#include "tessera/math/number/integer.h"

#include <cctype>
#include <cmath>
#include <memory>

#include "tessera/math/errors.h"

namespace tessera::math {
namespace {

// number = digits [e digits] ["^" number] | "(" number ")" ["^" number]
class Reader {
 public:
  Reader(std::string_view text, std::string_view what, int64_t max_bits)
      : text_(text), what_(what), max_bits_(max_bits) {}

  Integer Read() {
    SkipSpace();
    const bool negative = Take('-');
    const Integer value = Number(0);
    if (at_ != text_.size() || text_.empty()) Unexpected();
    return negative ? Integer(0) - value : value;
  }

 private:
  std::string_view text_, what_;
  int64_t max_bits_;
  size_t at_ = 0;

  void SkipSpace() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool Take(char c) {
    SkipSpace();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    SkipSpace();
    return true;
  }
  [[noreturn]] void Unexpected() const {
    throw MathError(
        Fault::kBadInput, "syntax",
        fmt::format("{}: \"{}\" is not a whole number; write it like 1000, 1e6 or 10^100", what_, text_.substr(0, 60)),
        at_ + 1);
  }
  [[noreturn]] void TooLarge() const {
    FailInput("too-large", "{}: \"{}\" has more than {} bits, which is the limit", what_, text_.substr(0, 60),
              max_bits_);
  }

  std::string_view DigitRun() {
    const size_t from = at_;
    while (at_ < text_.size() && (std::isdigit(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_')) ++at_;
    if (from == at_ || text_[from] == '_') Unexpected();
    return text_.substr(from, at_ - from);
  }
  Integer FromDigits(std::string_view run) {
    std::string digits;
    for (const char c : run)
      if (c != '_') digits += c;
    if (static_cast<double>(digits.size()) * 3.3 > static_cast<double>(max_bits_) + 64) TooLarge();
    Integer value;
    fmpz_set_str(value.raw(), digits.c_str(), 10);
    return value;
  }
  Integer Raise(const Integer& base, const Integer& exponent) {
    if (exponent.sign() < 0) Unexpected();
    const bool small_base = base <= Integer(1);
    if (!small_base &&
        (!exponent.FitsInt64() || static_cast<double>(exponent.ToInt64()) * (static_cast<double>(base.bits()) - 1) >
                                      static_cast<double>(max_bits_)))
      TooLarge();
    if (small_base) return exponent.sign() == 0 ? Integer(1) : base;
    return Power(base, static_cast<uint64_t>(exponent.ToInt64()));
  }
  Integer Number(int depth) {
    if (depth > 8) Unexpected();
    Integer value;
    if (Take('(')) {
      value = Number(depth + 1);
      if (!Take(')')) Unexpected();
    } else {
      value = FromDigits(DigitRun());
      if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
        ++at_;
        if (at_ < text_.size() && text_[at_] == '+') ++at_;
        value = value * Raise(10, FromDigits(DigitRun()));
      }
      SkipSpace();
    }
    if (Take('^')) value = Raise(value, Number(depth + 1));
    if (value.bits() > max_bits_) TooLarge();
    return value;
  }
};

}  // namespace

std::string Integer::ToString(int base) const {
  const std::unique_ptr<char, void (*)(void*)> text(fmpz_get_str(nullptr, base, value_), flint_free);
  return text.get();
}

Integer Power(const Integer& base, uint64_t exponent) {
  Integer result;
  fmpz_pow_ui(result.raw(), base.raw(), exponent);
  return result;
}

Integer Binomial(int64_t n, int64_t k) {
  Integer result;
  if (k >= 0 && k <= n) fmpz_bin_uiui(result.raw(), static_cast<ulong>(n), static_cast<ulong>(k));
  return result;
}

Integer ParseInteger(std::string_view text, std::string_view what, int64_t max_bits) {
  return Reader(text, what, max_bits).Read();
}

int64_t ParseCount(std::string_view text, std::string_view what, int64_t low, int64_t high) {
  const Integer value = ParseInteger(text, what);
  if (value < Integer(low) || value > Integer(high))
    FailInput("domain", "{}: {} is not within {} … {}", what, text.substr(0, 60), low, high);
  return value.ToInt64();
}

}  // namespace tessera::math
