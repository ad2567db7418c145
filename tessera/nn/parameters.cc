#include "tessera/nn/parameters.h"

#include <fmt/format.h>

#include <utility>

#include "tessera/core/isa.h"
#include "tessera/core/mapped_file.h"
#include "tessera/nn/padded_hidden.h"
#include "tessera/ops/differentiable.h"
#include "tessera/weights/exact_bf16.h"
#include "tessera/weights/quantize_blocks.h"

namespace tessera::nn {
namespace {

Tensor Convert(const Tensor& value, DType dtype) {
  if (value.dtype() == dtype) return value;
  return (IsQuantized(value.dtype()) ? weights::Dequantize(value) : value).To(dtype);
}

// The value in memory of its own: for a norm's few numbers a mapping would keep pages of the file.
Tensor OutOfMapping(const Tensor& value) {
  if (!value.contiguous()) return value;
  Tensor copy = Tensor::Empty(value.shape(), value.dtype());
  std::byte* out = copy.mutable_raw();
  const auto bytes = static_cast<size_t>(value.bytes());
  const std::byte* read = ReadMapped({value.raw(), bytes}, out);
  return read == out ? copy : value;
}

void RequireComputable(DType dtype, std::string_view what) {
  Require(dtype == DType::kF32 || dtype == DType::kBF16, "model: {} of dtype {}; choose f32 or bf16", what,
          Name(dtype));
}

// Whether f16 matrices are better off in bf16, where they lose nothing by it: products of pairs need it, and they round
// x as the precision allows.
bool MultipliesBf16Sooner(const LoadOptions& options) { return options.fastest() && LiveIsa() == Isa::kAvx512Bf16; }

}  // namespace

Parameters::Parameters(Find find, const LoadOptions& options) : find_(std::move(find)), options_(options) {
  RequireComputable(options.activations, "activations");
  Require(options.device == Device::kCpu || !options.pack, "model: weights on a GPU are not packed for the processor");
  if (options.weights) RequireComputable(*options.weights, "weights");
}

bool Parameters::Has(const std::string& name) const { return by_name_.contains(name) || find_(name).defined(); }

Parameters::Entry& Parameters::Load(const std::string& name, const Shape& shape) {
  if (const auto found = by_name_.find(name); found != by_name_.end()) {
    Require(found->second->shape == shape,
            "model: tensor \"{}\" is used as {} and as {}; the config contradicts itself", name, found->second->shape,
            shape);
    return *found->second;
  }
  const Tensor value = find_(name);
  Require(
      value.defined(),
      "model: tensor \"{}\" {} is missing from the checkpoint. Is a file of it absent, or does config.json belong to "
      "another model?",
      name, shape);
  Require(value.shape() == shape,
          "model: tensor \"{}\" has shape {} but the config asks for {}. Does config.json belong to another model?",
          name, value.shape(), shape);
  Require(Info(value.dtype()).is_float || IsQuantized(value.dtype()),
          "model: tensor \"{}\" has dtype {}, which holds no weights", name, tessera::Name(value.dtype()));
  Entry& entry = entries_.emplace_back(Entry{value, shape});
  by_name_.emplace(name, &entry);
  names_.push_back(name);
  if (options_.on_weight) options_.on_weight();
  return entry;
}

Parameter Parameters::Vector(const std::string& name, const Shape& shape) {
  Entry& entry = Load(name, shape);
  if (!entry.value.on_gpu()) entry.value = Convert(OutOfMapping(entry.value), options_.activations).To(options_.device);
  return Parameter(&entry.value);
}

Parameter Parameters::Table(const std::string& name, const Shape& shape) {
  Entry& entry = Load(name, shape);
  if (entry.value.on_gpu()) return Parameter(&entry.value);
  if (options_.weights && !entry.packed) entry.value = Convert(entry.value, *options_.weights);
  if (options_.device == Device::kCuda) entry.value = ops::WeightToGpu(entry.value);
  return Parameter(&entry.value);
}

Parameter Parameters::Matrix(const std::string& name, const Shape& shape) {
  const Parameter parameter = Table(name, shape);
  Entry& entry = *by_name_.at(name);
  if (MultipliesBf16Sooner(options_) && !entry.packed) {
    const Tensor stored = entry.value;
    entry.value = weights::ToBf16IfExact(stored);
    if (entry.value.dtype() != stored.dtype()) ReleaseMappedPages({stored.raw(), static_cast<size_t>(stored.bytes())});
  }
  if (options_.pack && options_.pack_later)
    entry.to_pack = true;
  else if (options_.pack)
    PackEntry(entry);
  return parameter;
}

void Parameters::PackEntry(Entry& entry) {
  if (!entry.packed) entry.value = ops::PackWeight(entry.value, &packed_);
  entry.packed = true;
  entry.to_pack = false;
}

void Parameters::Pack() {
  for (Entry& entry : entries_)
    if (entry.to_pack) PackEntry(entry);
}

Parameter Parameters::PaddedVector(const std::string& name, const Shape& shape, const Shape& padded) {
  const Parameter parameter = Vector(name, shape);
  Entry& entry = *by_name_.at(name);
  entry.value = PadWithZeros(entry.value, entry.padded = padded);
  return parameter;
}

Parameter Parameters::PaddedMatrix(const std::string& name, const Shape& shape, const Shape& padded) {
  Table(name, shape);
  Entry& entry = *by_name_.at(name);
  if (!entry.packed) entry.value = PadWithZeros(entry.value, entry.padded = padded);
  return Matrix(name, shape);
}

DType Parameters::StoredDType(const std::string& name) const {
  const Tensor value = find_(name);
  Require(value.defined(), "model: tensor \"{}\" is missing from the checkpoint", name);
  return value.dtype();
}

Parameter Parameters::Buffer(const std::string& name, const Shape& shape) {
  Entry& entry = Load(name, shape);
  entry.value = Convert(entry.value, DType::kF32);
  std::erase(names_, name);
  return Parameter(&entry.value);
}

Parameters::Entry& Parameters::Loaded(const std::string& name) const {
  const auto found = by_name_.find(name);
  Require(found != by_name_.end(), "model: it has no weight \"{}\"", name);
  return *found->second;
}

const Tensor& Parameters::Get(const std::string& name) const { return Loaded(name).value; }

void Parameters::Set(const std::string& name, const Tensor& value) {
  Entry& entry = Loaded(name);
  Require(value.shape() == entry.shape, "model: weight \"{}\" has shape {}, it cannot become {}", name, entry.shape,
          value.shape());
  entry.value = entry.padded.rank() > 0 ? PadWithZeros(value, entry.padded) : value;
  entry.packed = entry.to_pack = false;
}

std::vector<Tensor> Parameters::MakeVariables() {
  std::vector<Tensor> variables;
  for (const std::string& name : names_) {
    Entry& entry = Loaded(name);
    Require(!entry.packed && !entry.to_pack && Info(entry.value.dtype()).is_float,
            "model: weight \"{}\" ({}) has no gradient as it is stored; load the model with f32 weights, not packed",
            name, tessera::Name(entry.value.dtype()));
    entry.value = ops::Variable(entry.value);
    variables.push_back(entry.value);
  }
  return variables;
}

Scope Scope::operator/(std::string_view child) const { return Scope(*parameters_, Name(child)); }
Scope Scope::operator/(int64_t index) const { return *this / fmt::to_string(index); }

Parameter Scope::Vector(std::string_view name, const Shape& shape) const {
  return parameters_->Vector(Name(name), shape);
}
Parameter Scope::Matrix(std::string_view name, const Shape& shape) const {
  return parameters_->Matrix(Name(name), shape);
}
Parameter Scope::Table(std::string_view name, const Shape& shape) const {
  return parameters_->Table(Name(name), shape);
}
Parameter Scope::Buffer(std::string_view name, const Shape& shape) const {
  return parameters_->Buffer(Name(name), shape);
}
Parameter Scope::PaddedVector(std::string_view name, const Shape& shape, const Shape& padded) const {
  return parameters_->PaddedVector(Name(name), shape, padded);
}
Parameter Scope::PaddedMatrix(std::string_view name, const Shape& shape, const Shape& padded) const {
  return parameters_->PaddedMatrix(Name(name), shape, padded);
}
DType Scope::StoredDType(std::string_view name) const { return parameters_->StoredDType(Name(name)); }
bool Scope::Has(std::string_view name) const { return parameters_->Has(Name(name)); }

std::string Scope::Name(std::string_view name) const {
  return prefix_.empty() ? std::string(name) : fmt::format("{}.{}", prefix_, name);
}

}  // namespace tessera::nn
