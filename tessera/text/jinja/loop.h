#pragma once
// The variable `loop` of a for block, which also draws the items.

#include <memory>

#include "tessera/text/jinja/evaluator.h"

namespace tessera::text::jinja {

class Loop : public Object, public std::enable_shared_from_this<Loop> {
 public:
  Loop(Evaluator& evaluator, const For& node, std::shared_ptr<Scope> outer, Value items, int depth);

  bool Advance();  // to the next item; false at the end
  const Value& current() const { return current_; }
  bool started() const { return index_ >= 0; }
  void Close();  // forgets the items, which may hold this loop

  std::string_view type_name() const override { return "LoopContext"; }
  bool callable() const override { return true; }
  std::string Repr(Runtime& runtime) const override;
  std::optional<Value> Attribute(Runtime& runtime, std::string_view name) override;
  std::optional<Int> Length(Runtime& runtime) override;
  Value Call(Runtime& runtime, const Arguments& arguments) override;  // loop(items) of a recursive loop
  Value Cycle(const Arguments& arguments) const;
  Value Changed(Runtime& runtime, const Arguments& arguments);

 private:
  bool Pull(Value& item);  // the next item that passes the filter
  bool Peek();             // whether another item follows; keeps it

  Evaluator& evaluator_;
  const For& node_;
  std::shared_ptr<Scope> outer_;
  Value items_;
  std::unique_ptr<Iterator> iterator_;
  Int index_ = -1;
  int depth_;
  Value before_, current_;
  std::optional<Value> after_;
  std::optional<Int> length_;
  std::optional<Values> last_checked_;
};

}  // namespace tessera::text::jinja
