#pragma once
// Variables of one block, loop pass or macro call; what it lacks is looked up outside.

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "tessera/text/jinja/value.h"

namespace tessera::text::jinja {

struct Scope {
  explicit Scope(std::shared_ptr<Scope> outside) : parent(std::move(outside)) {}

  const Value* Find(std::string_view name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->parent.get())
      for (const auto& [key, value] : scope->variables)
        if (key == name) return &value;
    return nullptr;
  }
  void Set(std::string_view name, Value value) {
    for (auto& [key, old] : variables) {
      if (key != name) continue;
      old = std::move(value);
      return;
    }
    variables.emplace_back(name, std::move(value));
  }

  std::shared_ptr<Scope> parent;
  std::vector<std::pair<std::string_view, Value>> variables;  // names live in the tree or in the caller's JSON
};

}  // namespace tessera::text::jinja
