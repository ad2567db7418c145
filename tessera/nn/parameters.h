#pragma once
// The weights of a model by the checkpoint's own names. The store owns them; a layer holds a `Parameter`, which reads
// the store's present value. So a trainer or a quantiser replaces a value in one place and every layer sees it, and
// tied layers share one entry.
//
//   Parameters store(find, {.activations = DType::kF32});     // find(name): a tensor of the checkpoint, or undefined
//   Scope s(store);                                           // names children like the checkpoint does
//   Parameter w = (s / "model" / "norm").Vector("weight", {C}); // "model.norm.weight", [C]
//
// Gradients: variables = store.MakeVariables(); loss = …; gradients = ops::Gradient(loss, variables), in names() order.

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tessera/core/storage.h"
#include "tessera/core/tensor.h"
#include "tessera/ops/linear.h"

namespace tessera::nn {

struct LoadOptions {
  std::optional<DType> weights;     // matrices become f32 or bf16; nothing: they stay as stored, block formats included
  DType activations = DType::kF32;  // what layers pass on: f32 or bf16. Vectors (norms, biases) take this dtype
  bool pack = false;                // reorder matrices for the fastest product: inference only, no gradients
  bool pack_later = false;          // with `pack`: not while loading, but when Parameters::Pack() is called
  Device device = Device::kCpu;     // where weights lie, and so where all is computed; on a GPU without `pack`
  ops::LinearPrecision precision = ops::LinearPrecision::kFast;  // of products with block formats
  // Whether products may be the fastest that the stored weights allow: in panels, x rounded as they like.
  bool fastest() const { return pack && !weights && precision == ops::LinearPrecision::kFast; }

  std::function<void()> on_weight;  // called after each weight is loaded, to show how far loading has come
};

// A weight in a store. Small to copy; lives no longer than its store. A default-made one is absent.
class Parameter {
 public:
  Parameter() = default;
  explicit Parameter(const Tensor* value) : value_(value) {}
  explicit operator bool() const { return value_ != nullptr; }
  const Tensor& operator*() const { return *value_; }

 private:
  const Tensor* value_ = nullptr;
};

class Parameters {
 public:
  // find(name) gives the checkpoint's tensor, or an undefined one where it has none.
  using Find = std::function<Tensor(const std::string& name)>;

  Parameters(Find find, const LoadOptions& options);
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

  const LoadOptions& options() const { return options_; }
  bool Has(const std::string& name) const;  // in the checkpoint

  // The weight of that name, loaded at the first call. Throws Error that names the tensor, the shape it has and the
  // shape the config asks for.
  Parameter Vector(const std::string& name, const Shape& shape);  // norms and biases
  Parameter Matrix(const std::string& name, const Shape& shape);  // for Linear: packed if the options say so, or later
  Parameter Table(const std::string& name, const Shape& shape);   // for Embedding: rows in the stored order
  // The same with zeros behind it, up to `padded` (nn/padded_hidden.h).
  Parameter PaddedVector(const std::string& name, const Shape& shape, const Shape& padded);
  Parameter PaddedMatrix(const std::string& name, const Shape& shape, const Shape& padded);
  // The checkpoint's dtype of a weight that is not loaded yet. Throws Error if it has no such weight.
  DType StoredDType(const std::string& name) const;
  // A matrix that a layer made of others, packed where those are.
  Tensor PackOwn(const Tensor& matrix) { return ops::PackWeight(matrix, &packed_); }
  // Numbers that belong to the model but are not trained by gradients: f32 whatever the options say, not in names().
  Parameter Buffer(const std::string& name, const Shape& shape);

  // Packs the matrices that LoadOptions::pack_later put off; the next passes give the same bits, sooner. Nothing else
  // may use the weights meanwhile.
  void Pack();

  const std::vector<std::string>& names() const { return names_; }  // in the order that the model loaded them
  const Tensor& Get(const std::string& name) const;
  void Set(const std::string& name, const Tensor& value);  // the same shape; throws Error otherwise
  // Makes every weight a leaf that gradients can be asked for; returns them in the order of names().
  // Throws Error for block formats and packed weights: load with {.weights = DType::kF32}.
  std::vector<Tensor> MakeVariables();

 private:
  struct Entry {
    Tensor value;
    Shape shape;
    bool packed = false;
    bool to_pack = false;  // at Pack()
    Shape padded = {};     // what the value's shape becomes; that of the checkpoint if this has no axes
  };
  Find find_;
  LoadOptions options_;
  StorageArena packed_;        // what packed matrices lie in
  std::deque<Entry> entries_;  // never moves, so a Parameter stays valid
  std::unordered_map<std::string, Entry*> by_name_;
  std::vector<std::string> names_;

  void PackEntry(Entry& entry);
  Entry& Load(const std::string& name, const Shape& shape);
  Entry& Loaded(const std::string& name) const;
};

// A place in the checkpoint's tree of names.
class Scope {
 public:
  explicit Scope(Parameters& parameters, std::string prefix = "")
      : parameters_(&parameters), prefix_(std::move(prefix)) {}

  Scope operator/(std::string_view child) const;  // "model" / "layers" -> "model.layers"
  Scope operator/(int64_t index) const;           // … / 3 -> "model.layers.3"

  Parameter Vector(std::string_view name, const Shape& shape) const;
  Parameter Matrix(std::string_view name, const Shape& shape) const;
  Parameter Table(std::string_view name, const Shape& shape) const;
  Parameter Buffer(std::string_view name, const Shape& shape) const;
  Tensor PackOwn(const Tensor& matrix) const { return parameters_->PackOwn(matrix); }
  Parameter PaddedVector(std::string_view name, const Shape& shape, const Shape& padded) const;
  Parameter PaddedMatrix(std::string_view name, const Shape& shape, const Shape& padded) const;
  DType StoredDType(std::string_view name) const;
  bool Has(std::string_view name) const;
  const LoadOptions& options() const { return parameters_->options(); }

 private:
  Parameters* parameters_;
  std::string prefix_;
  std::string Name(std::string_view name) const;
};

}  // namespace tessera::nn
