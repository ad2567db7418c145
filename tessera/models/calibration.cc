#include "tessera/models/calibration.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tessera/core/error.h"
#include "tessera/nn/context.h"
#include "tessera/ops/differentiable.h"
#include "tessera/ops/linear.h"

namespace tessera::models {
namespace {

using Leaves = std::unordered_map<const ops::Lineage*, std::string>;  // of the weights

// x' x over the rows of x [..., K], each divided by its length: the first token of a text has activations a thousand
// times as large as the others, and would be all that the sum knows.
Tensor Product(const Tensor& x) {
  Tensor rows = Tensor::Zeros({x.numel() / x.dim(-1), x.dim(-1)});
  const Tensor plain = ops::Detach(x).Contiguous().To(DType::kF32);
  const auto in = plain.data<float>();
  const auto out = rows.mutable_data<float>();
  const auto size = static_cast<size_t>(x.dim(-1));
  for (size_t row = 0; row < in.size(); row += size) {
    double square = 0;
    for (size_t i = 0; i < size; ++i) square += static_cast<double>(in[row + i]) * static_cast<double>(in[row + i]);
    const double scale = square > 0 ? std::sqrt(static_cast<double>(size) / square) : 0;
    for (size_t i = 0; i < size; ++i) out[row + i] = static_cast<float>(scale * static_cast<double>(in[row + i]));
  }
  const Tensor columns = rows.Transpose(0, 1).Contiguous();
  return ops::Linear(columns, columns).To(DType::kF32);
}

void Add(const Tensor& product, weights::InputGram& gram) {
  const auto values = product.data<float>();
  gram.size = product.dim(0);
  gram.values.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) gram.values[i] += static_cast<double>(values[i]);
}

// Every product with a weight that led to `result`.
void Collect(const Tensor& result, const Leaves& leaves, std::map<std::string, weights::InputGram>& grams) {
  std::unordered_set<const ops::Lineage*> seen;
  std::unordered_map<const std::byte*, Tensor> products;  // q, k and v are fed the same values, as are gate and up
  std::vector<const ops::Lineage*> waiting = {result.lineage().get()};
  while (!waiting.empty()) {
    const ops::Lineage* node = waiting.back();
    waiting.pop_back();
    if (node == nullptr || !seen.insert(node).second) continue;
    for (const Tensor& input : node->inputs) waiting.push_back(input.lineage().get());
    if (node->inputs.size() < 2) continue;
    const Tensor &x = node->inputs[0], &weight = node->inputs[1];
    const auto leaf = leaves.find(weight.lineage().get());
    if (leaf == leaves.end() || weight.rank() != 2 || x.rank() < 1 || x.dim(-1) != weight.dim(1)) continue;
    Tensor& product = products[x.raw()];
    if (!product.defined()) product = Product(x);
    Add(product, grams[leaf->second]);
  }
}

// Sums are exactly symmetric for LAPACK and for the proof that they are semidefinite.
void Symmetrise(weights::InputGram& gram) {
  const auto n = static_cast<size_t>(gram.size);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < i; ++j)
      gram.values[i * n + j] = gram.values[j * n + i] = (gram.values[i * n + j] + gram.values[j * n + i]) / 2;
}

}  // namespace

std::map<std::string, weights::InputGram> Calibrate(LanguageModel& model, std::span<const int64_t> tokens,
                                                    const CalibrationOptions& options) {
  const auto total = static_cast<int64_t>(tokens.size());
  Require(total >= 2, "calibrate: the text has {} tokens; it needs some thousands", total);
  Require(options.window >= 1, "calibrate: a window of {} tokens", options.window);
  const std::vector<Tensor> variables = model.parameters().MakeVariables();
  Leaves leaves;
  for (size_t i = 0; i < variables.size(); ++i)
    leaves.emplace(variables[i].lineage().get(), model.parameters().names()[i]);
  std::map<std::string, weights::InputGram> grams;
  for (int64_t begin = 0; begin < total; begin += options.window) {
    const int64_t count = std::min(options.window, total - begin);
    const std::vector<int64_t> ids(tokens.begin() + begin, tokens.begin() + begin + count);
    const int64_t lengths[] = {count};
    const Tensor hidden = model.Hidden(model.Embed(Tensor::From(ids, {count})), nn::PlainContext(lengths));
    Collect(hidden, leaves, grams);
    if (options.progress) options.progress(begin + count, total);
  }
  for (auto& [name, gram] : grams) Symmetrise(gram);
  return grams;
}

}  // namespace tessera::models
