#include "tessera/text/jinja/runtime.h"

#include "tessera/core/error.h"

namespace tessera::text::jinja {
namespace {

constexpr size_t kMaxKeyWeight = 10'000;  // comparing keys walks through them

}  // namespace

void Runtime::RequireHashable(const Value& key) {
  Require(key.dict() == nullptr && (key.list() == nullptr || key.is_tuple()), "unhashable type: '{}'", key.type_name());
  Require(key.weight() <= kMaxKeyWeight, "a key of a dictionary has more than {} values inside", kMaxKeyWeight);
  if (key.list() != nullptr)
    for (const Value& item : key.list()->items) RequireHashable(item);
}

DepthGuard::DepthGuard(Runtime& runtime) : runtime_(runtime) {
  const int limit = runtime.budget().limits().depth;
  Require(runtime.evaluation_depth < limit, "more than {} calls, blocks and operators inside each other", limit);
  ++runtime_.evaluation_depth;
}

}  // namespace tessera::text::jinja
