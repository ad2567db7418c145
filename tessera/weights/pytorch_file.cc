#include "tessera/weights/pytorch_file.h"

#include <algorithm>
#include <functional>

#include "tessera/core/checked.h"
#include "tessera/core/error.h"
#include "tessera/weights/mapped_tensor.h"
#include "tessera/weights/pickle.h"
#include "tessera/weights/zip_archive.h"

namespace tessera::weights {
namespace {

using Kind = PickleValue::Kind;
using Members = std::map<std::string, ZipMember, std::less<>>;

constexpr std::pair<std::string_view, DType> kStorages[] = {
    {"torch FloatStorage", DType::kF32},  {"torch HalfStorage", DType::kF16}, {"torch BFloat16Storage", DType::kBF16},
    {"torch DoubleStorage", DType::kF64}, {"torch LongStorage", DType::kI64}, {"torch IntStorage", DType::kI32},
    {"torch CharStorage", DType::kI8},    {"torch ByteStorage", DType::kU8},  {"torch BoolStorage", DType::kBool},
};

class TensorReader {
 public:
  TensorReader(const Pickle& pickle, const Members& members, std::string_view folder, std::string_view where)
      : pickle_(pickle), members_(members), folder_(folder), where_(where) {}

  // The call that makes a tensor, or null for another value.
  const PickleValue* TensorCall(uint32_t place) const {
    const PickleValue* value = &pickle_.at(place);
    // A parameter is made of a tensor.
    for (int depth = 0; depth < 2 && value->kind == Kind::kCall; ++depth) {
      const std::string& callable = pickle_.at(value->items[0]).text;
      if (callable == "torch._utils _rebuild_tensor_v2") return value;
      if (callable != "torch._utils _rebuild_parameter" || value->items.size() < 2) return nullptr;
      value = &pickle_.at(value->items[1]);
    }
    return nullptr;
  }

  // _rebuild_tensor_v2(storage, offset, sizes, strides, …), storage = ("storage", type, key, device, values)
  TensorInfo Read(const std::string& name, const PickleValue& call) const {
    const auto check = [&](bool holds, const char* what) {
      Require(holds, "{}: tensor \"{}\" {}", where_, name, what);
    };
    check(call.items.size() >= 5, "is made of too few values");
    const PickleValue& storage = pickle_.at(call.items[1]);
    check(storage.kind == Kind::kStorage && storage.items.size() >= 5, "has no storage");
    TensorInfo info{.name = name, .dtype = TypeOf(name, pickle_.at(storage.items[1]).text)};
    const std::vector<int64_t> sizes = Numbers(call.items[3]), strides = Numbers(call.items[4]);
    check(sizes.size() == strides.size(), "has sizes and strides that disagree");
    int64_t count = 1;
    for (size_t end = sizes.size(); end > 0; --end) {
      const int64_t size = sizes[end - 1];
      check(size >= 0 && (size == 1 || strides[end - 1] == count), "does not hold its values in order");
      count = CheckedMul(count, size, "pytorch: the size of a tensor");
    }
    info.shape = Shape(std::span<const int64_t>(sizes));
    const auto member = members_.find(std::string(folder_) + "data/" + pickle_.at(storage.items[2]).text);
    check(member != members_.end(), "names a storage that the archive does not have");
    const int64_t offset = pickle_.at(call.items[2]).number;
    const int64_t begin = CheckedMul(offset, BytesFor(info.dtype, 1), "pytorch: the offset of a tensor");
    info.bytes = CheckedMul(count, BytesFor(info.dtype, 1), "pytorch: the bytes of a tensor");
    check(offset >= 0 && begin <= member->second.bytes && info.bytes <= member->second.bytes - begin,
          "reaches beyond its storage");
    info.begin = member->second.begin + begin;
    return info;
  }

 private:
  const Pickle& pickle_;
  const Members& members_;
  std::string_view folder_, where_;

  DType TypeOf(const std::string& name, std::string_view storage) const {
    for (const auto& [known, dtype] : kStorages)
      if (known == storage) return dtype;
    Fail("{}: tensor \"{}\" lies in a \"{}\", which is not read", where_, name, storage);
  }
  std::vector<int64_t> Numbers(uint32_t place) const {
    std::vector<int64_t> numbers;
    Require(pickle_.at(place).items.size() <= kMaxRank, "{}: a tensor of {} axes, at most {} are read", where_,
            pickle_.at(place).items.size(), kMaxRank);
    for (const uint32_t item : pickle_.at(place).items) numbers.push_back(pickle_.at(item).number);
    return numbers;
  }
};

// The value of a text key, or the dictionary itself.
uint32_t StateDict(const Pickle& pickle) {
  const PickleValue& root = pickle.at(pickle.root);
  for (size_t i = 0; root.kind == Kind::kDict && i + 1 < root.items.size(); i += 2)
    if (pickle.at(root.items[i]).text == "state_dict") return root.items[i + 1];
  return pickle.root;
}

}  // namespace

PyTorchFile PyTorchFile::Open(const std::filesystem::path& path) { return Open(MappedFile::Open(path)); }

PyTorchFile PyTorchFile::Open(std::shared_ptr<const MappedFile> file) {
  const std::string& where = file->path();
  const Members members = ReadZipDirectory(file->text(), where);
  const auto pickled = std::ranges::find_if(
      members, [](const auto& member) { return member.first == "data.pkl" || member.first.ends_with("/data.pkl"); });
  Require(pickled != members.end(), "{}: the archive has no data.pkl; torch.save writes one", where);
  const std::string folder = pickled->first.substr(0, pickled->first.size() - std::string_view("data.pkl").size());
  const auto bytes_of = [&](const ZipMember& member) {
    return file->text().substr(static_cast<size_t>(member.begin), static_cast<size_t>(member.bytes));
  };
  if (const auto order = members.find(folder + "byteorder"); order != members.end())
    Require(bytes_of(order->second).starts_with("little"), "{}: its values are big-endian", where);
  const Pickle pickle = ReadPickle(bytes_of(pickled->second), where);
  const TensorReader reader(pickle, members, folder, where);
  PyTorchFile result;
  const PickleValue& dict = pickle.at(StateDict(pickle));
  Require(dict.kind == Kind::kDict, "{}: it holds no dictionary of tensors", where);
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const PickleValue& key = pickle.at(dict.items[i]);
    const PickleValue* call = reader.TensorCall(dict.items[i + 1]);
    if (key.kind != Kind::kText || call == nullptr) continue;
    Require(result.index_.emplace(key.text, result.tensors_.size()).second, "{}: tensor \"{}\" stands twice", where,
            key.text);
    result.tensors_.push_back(reader.Read(key.text, *call));
  }
  file->RequireIntact();
  result.file_ = std::move(file);
  return result;
}

Tensor PyTorchFile::Get(const std::string& name) const {
  const auto found = index_.find(name);
  Require(found != index_.end(), "{}: no tensor \"{}\"", file_->path(), name);
  return MappedTensor(file_, tensors_[found->second]);
}

}  // namespace tessera::weights
