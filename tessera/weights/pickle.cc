#include "tessera/weights/pickle.h"

#include <algorithm>
#include <unordered_map>

#include "tessera/core/error.h"
#include "tessera/weights/byte_reader.h"

namespace tessera::weights {
namespace {

using Kind = PickleValue::Kind;

constexpr size_t kMaxBytes = size_t{8} << 20, kMaxValues = size_t{1} << 18;
constexpr size_t kMaxArguments = 8, kMaxName = 256;  // copied, so their number must not grow with the pickle

class Machine {
 public:
  Machine(std::string_view bytes, std::string_view where) : reader_(bytes, where), where_(where) {
    Require(bytes.size() <= kMaxBytes, "{}: a pickle of {} bytes, at most {} are read", where, bytes.size(), kMaxBytes);
  }

  Pickle Run() {
    for (;;) {
      const auto code = reader_.Read<uint8_t>("an instruction");
      if (code == '.') break;
      Step(code);
    }
    pickle_.root = Pop();
    return std::move(pickle_);
  }

 private:
  ByteReader reader_;
  std::string_view where_;
  Pickle pickle_;
  std::vector<uint32_t> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, uint32_t> memo_;

  void Push(PickleValue value) {
    Require(pickle_.values.size() < kMaxValues, "{}: a pickle of more than {} values", where_, kMaxValues);
    stack_.push_back(static_cast<uint32_t>(pickle_.values.size()));
    pickle_.values.push_back(std::move(value));
  }
  void PushNumber(int64_t number) { Push({.kind = Kind::kNumber, .number = number}); }
  void PushText(std::string_view text) { Push({.kind = Kind::kText, .text = std::string(text)}); }

  uint32_t Pop() {
    const size_t floor = marks_.empty() ? 0 : marks_.back();
    Require(stack_.size() > floor, "{}: the pickle takes a value that is not there, at byte {}", where_,
            reader_.position());
    const uint32_t top = stack_.back();
    stack_.pop_back();
    return top;
  }
  uint32_t Top() {
    const uint32_t top = Pop();
    stack_.push_back(top);
    return top;
  }
  std::vector<uint32_t> PopToMark() {
    Require(!marks_.empty(), "{}: the pickle closes what it did not open, at byte {}", where_, reader_.position());
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<uint32_t> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return items;
  }
  std::vector<uint32_t> PopSome(size_t count) {
    std::vector<uint32_t> items(count);
    for (auto item = items.rbegin(); item != items.rend(); ++item) *item = Pop();
    return items;
  }
  // Items for the list or dictionary on top; whatever else is there holds nothing.
  void Extend(const std::vector<uint32_t>& items, Kind kind) {
    PickleValue& target = pickle_.values[Top()];
    Require(kind != Kind::kDict || items.size() % 2 == 0, "{}: a key without a value, at byte {}", where_,
            reader_.position());
    if (target.kind == kind) target.items.insert(target.items.end(), items.begin(), items.end());
  }
  static std::vector<uint32_t>::const_iterator Few(const std::vector<uint32_t>& items) {
    return items.begin() + static_cast<std::ptrdiff_t>(std::min(items.size(), kMaxArguments));
  }
  void Remember(uint32_t key) { memo_[key] = Top(); }
  void Recall(uint32_t key) {
    const auto found = memo_.find(key);
    Require(found != memo_.end(), "{}: the pickle recalls value {}, which it did not keep", where_, key);
    stack_.push_back(found->second);
    Require(stack_.size() <= kMaxValues, "{}: the pickle's stack is too deep", where_);
  }
  std::string_view Line() {
    std::string_view rest = reader_.Take(0, "a name");
    size_t length = 0;
    const char* begin = rest.data();
    while (reader_.Read<char>("a name") != '\n') ++length;
    return {begin, length};
  }
  void Global(std::string_view module, std::string_view name) {
    Require(module.size() <= kMaxName && name.size() <= kMaxName, "{}: the pickle has a name of {} bytes", where_,
            module.size() + name.size());
    Push({.kind = Kind::kGlobal, .text = std::string(module) + " " + std::string(name)});
  }
  // What a callable makes. An ordered dictionary is a dictionary; the rest is for the caller to know.
  void Reduce() {
    const uint32_t arguments = Pop(), callable = Pop();
    if (pickle_.values[callable].text == "collections OrderedDict") return Push({.kind = Kind::kDict});
    std::vector<uint32_t> items{callable};
    const PickleValue& given = pickle_.values[arguments];
    if (given.kind == Kind::kSequence) items.insert(items.end(), given.items.begin(), Few(given.items));
    Push({.kind = Kind::kCall, .items = std::move(items)});
  }

  void Step(uint8_t code) {
    switch (code) {
      case 0x80:  // PROTO
        reader_.Read<uint8_t>("the protocol");
        return;
      case 0x95:  // FRAME
        reader_.Read<uint64_t>("a frame");
        return;
      case '(':
        marks_.push_back(stack_.size());
        return;
      case '}':
        return Push({.kind = Kind::kDict});
      case ']':
      case ')':
        return Push({.kind = Kind::kSequence});
      case 't':
        return Push({.kind = Kind::kSequence, .items = PopToMark()});
      case 0x85:
      case 0x86:
      case 0x87:  // TUPLE1, TUPLE2, TUPLE3
        return Push({.kind = Kind::kSequence, .items = PopSome(code - 0x84u)});
      case 'N':
        return Push({});
      case 0x88:
      case 0x89:  // NEWTRUE, NEWFALSE
        return PushNumber(code == 0x88);
      case 'K':
        return PushNumber(reader_.Read<uint8_t>("a number"));
      case 'M':
        return PushNumber(reader_.Read<uint16_t>("a number"));
      case 'J':
        return PushNumber(reader_.Read<int32_t>("a number"));
      case 0x8a:  // LONG1
        return Long(reader_.Take(reader_.Read<uint8_t>("a length"), "a number"));
      case 'G':
        reader_.Read<uint64_t>("a number");
        return Push({});
      default:
        return StepOfNames(code);
    }
  }

  // Texts, names, the memo, and what puts values together.
  void StepOfNames(uint8_t code) {
    switch (code) {
      case 'X':
        return PushText(reader_.Take(reader_.Read<uint32_t>("a length"), "a text"));
      case 0x8c:  // SHORT_BINUNICODE
        return PushText(reader_.Take(reader_.Read<uint8_t>("a length"), "a text"));
      case 'C':
        reader_.Take(reader_.Read<uint8_t>("a length"), "bytes");
        return Push({});
      case 'B':
        reader_.Take(reader_.Read<uint32_t>("a length"), "bytes");
        return Push({});
      case 'c': {
        const std::string_view module = Line();
        return Global(module, Line());
      }
      case 0x93: {  // STACK_GLOBAL
        const std::vector<uint32_t> names = PopSome(2);
        return Global(pickle_.values[names[0]].text, pickle_.values[names[1]].text);
      }
      case 'q':
        return Remember(reader_.Read<uint8_t>("a key"));
      case 'r':
        return Remember(reader_.Read<uint32_t>("a key"));
      case 0x94:  // MEMOIZE
        return Remember(static_cast<uint32_t>(memo_.size()));
      case 'h':
        return Recall(reader_.Read<uint8_t>("a key"));
      case 'j':
        return Recall(reader_.Read<uint32_t>("a key"));
      case 'Q': {
        const std::vector<uint32_t>& id = pickle_.values[Pop()].items;
        return Push({.kind = Kind::kStorage, .items = {id.begin(), Few(id)}});
      }
      case 'R':
      case 0x81:  // NEWOBJ
        return Reduce();
      case 'b':  // BUILD: the state of an object, which no dictionary needs
        Pop();
        return;
      case 's':
        return Extend(PopSome(2), Kind::kDict);
      case 'u':
        return Extend(PopToMark(), Kind::kDict);
      case 'a':
        return Extend(PopSome(1), Kind::kSequence);
      case 'e':
        return Extend(PopToMark(), Kind::kSequence);
      default:
        Fail("{}: the pickle has instruction {:#04x} at byte {}, which checkpoints of tensors do not use", where_, code,
             reader_.position() - 1);
    }
  }

  // Little-endian, two's complement, of any length.
  void Long(std::string_view bytes) {
    if (bytes.size() > 8) return Push({});
    const bool negative = !bytes.empty() && (bytes.back() & 0x80) != 0;
    uint64_t number = 0;
    for (size_t i = 0; i < bytes.size(); ++i) number |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
    const int64_t above = negative && bytes.size() < 8 ? int64_t{1} << (8 * bytes.size()) : 0;
    PushNumber(static_cast<int64_t>(number) - above);
  }
};

}  // namespace

Pickle ReadPickle(std::string_view bytes, std::string_view where) { return Machine(bytes, where).Run(); }

}  // namespace tessera::weights
