#include "tessera/ops/differentiable.h"

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace tessera::ops {
namespace {

template <typename T>
void AddInto(std::span<T> sum, std::span<const T> term) {
  for (size_t i = 0; i < sum.size(); ++i) {
    if constexpr (std::is_arithmetic_v<T>)
      sum[i] += term[i];
    else
      sum[i] = T(static_cast<float>(sum[i]) + static_cast<float>(term[i]));
  }
}

// a + b, in fresh storage: a VJP may return storage that someone else reads.
Tensor Sum(const Tensor& a, const Tensor& b) {
  Require(a.shape() == b.shape() && a.dtype() == b.dtype(), "gradient: contributions {} {} and {} {} do not match",
          Name(a.dtype()), a.shape(), Name(b.dtype()), b.shape());
  Tensor sum = a.Clone();
  const Tensor term = b.Contiguous();
  switch (a.dtype()) {
    case DType::kF64:
      AddInto(sum.mutable_data<double>(), term.data<double>());
      break;
    case DType::kF32:
      AddInto(sum.mutable_data<float>(), term.data<float>());
      break;
    case DType::kF16:
      AddInto(sum.mutable_data<Float16>(), term.data<Float16>());
      break;
    case DType::kBF16:
      AddInto(sum.mutable_data<BFloat16>(), term.data<BFloat16>());
      break;
    default:
      Fail("gradient: {} values have no gradient", Name(a.dtype()));
  }
  return sum;
}

// Every lineage that reverse mode passes through, each after all of its inputs. Iterative, since a model is deep.
std::vector<const Lineage*> InputsFirst(const Lineage* root) {
  std::vector<const Lineage*> order;
  std::unordered_set<const Lineage*> seen;
  std::vector<std::pair<const Lineage*, size_t>> stack;
  const auto visit = [&](const Lineage* node) {
    if (node != nullptr && node->wants_gradient && seen.insert(node).second) stack.emplace_back(node, 0);
  };
  visit(root);
  while (!stack.empty()) {
    auto& [node, next] = stack.back();
    if (next < node->inputs.size()) {
      visit(node->inputs[next++].lineage().get());
    } else {
      order.push_back(node);
      stack.pop_back();
    }
  }
  return order;
}

// A lineage whose end does not recurse. Inputs and the closures hold the lineages before it, so a chain of operators
// would otherwise be destroyed by as many nested calls, and overflow the stack. Each thread keeps a list of what is
// left to destroy; whoever finds it empty works it off.
struct ListedLineage : Lineage {
  ListedLineage* next = nullptr;
};

void Destroy(ListedLineage* lineage) {
  thread_local ListedLineage* waiting = nullptr;
  thread_local bool busy = false;
  lineage->next = std::exchange(waiting, lineage);
  if (std::exchange(busy, true)) return;
  while (waiting != nullptr) {
    const std::unique_ptr<ListedLineage> last(waiting);
    waiting = last->next;
  }
  busy = false;
}

std::shared_ptr<Lineage> NewLineage() {
  return std::shared_ptr<ListedLineage>(std::make_unique<ListedLineage>().release(), Destroy);
}

}  // namespace

Tensor Differentiable(Tensor y, std::vector<Tensor> inputs, Vjp vjp, Jvp jvp) {
  bool wants_gradient = false, has_tangent = false;
  for (const Tensor& input : inputs) {
    if (!input.lineage()) continue;
    wants_gradient |= input.lineage()->wants_gradient;
    has_tangent |= input.lineage()->tangent.defined();
  }
  if (!wants_gradient && !has_tangent) return y;
  auto lineage = NewLineage();
  if (has_tangent) {
    std::vector<Tensor> tangents;
    for (const Tensor& input : inputs) tangents.push_back(input.lineage() ? input.lineage()->tangent : Tensor());
    lineage->tangent = jvp(tangents);
  }
  if (wants_gradient) {
    lineage->wants_gradient = true;
    lineage->inputs = std::move(inputs);
    lineage->vjp = std::move(vjp);
  }
  return y.WithLineage(std::move(lineage));
}

Tensor Variable(const Tensor& x) {
  Require(Info(x.dtype()).is_float, "variable: {} values have no gradient", Name(x.dtype()));
  auto lineage = NewLineage();
  lineage->wants_gradient = true;
  if (x.lineage()) lineage->tangent = x.lineage()->tangent;
  return x.WithLineage(std::move(lineage));
}

Tensor WithTangent(const Tensor& x, const Tensor& dx) {
  Require(x.shape() == dx.shape() && x.dtype() == dx.dtype(), "tangent: {} {} does not match the value's {} {}",
          Name(dx.dtype()), dx.shape(), Name(x.dtype()), x.shape());
  auto lineage = NewLineage();
  lineage->tangent = Detach(dx);
  return x.WithLineage(std::move(lineage));
}

Tensor Tangent(const Tensor& y) {
  return y.lineage() && y.lineage()->tangent ? y.lineage()->tangent : Tensor::Zeros(y.shape(), y.dtype());
}

Tensor Detach(const Tensor& x) { return x.WithLineage(nullptr); }
bool WantsGradient(const Tensor& x) { return x.lineage() && x.lineage()->wants_gradient; }
bool Tracked(const Tensor& x) { return x.lineage() != nullptr; }

std::vector<Tensor> Gradient(const Tensor& loss, const std::vector<Tensor>& variables) {
  Require(loss.numel() == 1, "gradient: the loss has shape {}, it must be one value", loss.shape());
  return VectorJacobian(loss, Tensor::Full(loss.shape(), 1.0, loss.dtype()), variables);
}

std::vector<Tensor> VectorJacobian(const Tensor& y, const Tensor& dy, const std::vector<Tensor>& variables) {
  Require(y.shape() == dy.shape(), "gradient: dy has shape {} but y has {}", dy.shape(), y.shape());
  std::unordered_set<const Lineage*> wanted;
  for (const Tensor& variable : variables) {
    Require(WantsGradient(variable) && variable.lineage()->inputs.empty(),
            "gradient: a tensor of shape {} was not made by Variable()", variable.shape());
    wanted.insert(variable.lineage().get());
  }
  std::unordered_map<const Lineage*, Tensor> gradients;
  if (WantsGradient(y)) gradients.emplace(y.lineage().get(), Detach(dy));
  std::vector<const Lineage*> order = InputsFirst(y.lineage().get());
  std::ranges::reverse(order);
  for (const Lineage* node : order) {
    const auto found = gradients.find(node);
    if (found == gradients.end() || node->inputs.empty()) continue;
    const std::vector<Tensor> contributions = node->vjp(found->second);
    Require(contributions.size() == node->inputs.size(), "gradient: a VJP gave {} gradients for {} inputs",
            contributions.size(), node->inputs.size());
    if (!wanted.contains(node)) gradients.erase(found);  // free it: nobody reads it again
    for (size_t i = 0; i < contributions.size(); ++i) {
      const Tensor& input = node->inputs[i];
      if (!contributions[i] || !WantsGradient(input)) continue;
      Require(contributions[i].shape() == input.shape(), "gradient: a VJP gave shape {} for an input of shape {}",
              contributions[i].shape(), input.shape());
      auto [place, fresh] = gradients.try_emplace(input.lineage().get(), contributions[i]);
      if (!fresh) place->second = Sum(place->second, contributions[i]);
    }
  }
  std::vector<Tensor> result;
  for (const Tensor& variable : variables) {
    const auto found = gradients.find(variable.lineage().get());
    result.push_back(found != gradients.end() ? found->second : Tensor::Zeros(variable.shape(), variable.dtype()));
  }
  return result;
}

}  // namespace tessera::ops
