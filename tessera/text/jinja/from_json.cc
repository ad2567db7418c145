#include "tessera/text/jinja/from_json.h"

#include "tessera/core/error.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::text::jinja {
namespace {

Value TextFromJson(Runtime& runtime, const std::string& text) {
  Require(IsValidUtf8(text), "a variable holds text that is not valid UTF-8");
  runtime.budget().Expect(text.size());
  return runtime.String(text);
}

}  // namespace

Value FromJson(Runtime& runtime, const Json& json) {
  const DepthGuard guard(runtime);
  runtime.budget().Step();
  switch (json.type()) {
    case Json::value_t::boolean:
      return json.get<bool>();
    case Json::value_t::number_integer:
      return Int{json.get<int64_t>()};
    case Json::value_t::number_unsigned:
      return Int{json.get<uint64_t>()};
    case Json::value_t::number_float:
      return json.get<double>();
    case Json::value_t::string:
      return TextFromJson(runtime, json.get_ref<const std::string&>());
    case Json::value_t::array: {
      Values items;
      for (const Json& item : json) items.push_back(FromJson(runtime, item));
      return runtime.List(std::move(items));
    }
    case Json::value_t::object: {
      DictBody::Entries entries;
      for (const auto& [key, value] : json.get_ref<const Json::object_t&>())
        entries.emplace_back(TextFromJson(runtime, key), FromJson(runtime, value));
      return runtime.Dict(std::move(entries));
    }
    default:
      return {};
  }
}

}  // namespace tessera::text::jinja
