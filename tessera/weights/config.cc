#include "tessera/weights/config.h"

#include <string>

#include "tessera/core/error.h"

namespace tessera::weights {
namespace {

bool Present(const Json& object, const char* key) {
  const auto value = object.find(key);
  return value != object.end() && !value->is_null();
}

// "type" was the name of "rope_type" once; both may stand.
void NormalizeRope(Json& rope, std::string_view where) {
  Require(rope.is_object(), "{}: the rope parameters are not an object", where);
  if (!Present(rope, "rope_type")) rope["rope_type"] = Present(rope, "type") ? rope["type"] : Json("default");
  Require(rope["rope_type"].is_string(), "{}: the rope type is not a string", where);
}

void NormalizeLevel(Json& config, std::string_view where) {
  if (Present(config, "torch_dtype") && !Present(config, "dtype")) config["dtype"] = Json(config["torch_dtype"]);
  if (Present(config, "rope_parameters")) {
    // Models with layers of several kinds have one set for each; those are left to the model.
    Json& rope = config["rope_parameters"];
    Require(rope.is_object(), "{}: \"rope_parameters\" is not an object", where);
    bool nested = false;
    for (const Json& value : rope) nested = nested || value.is_object();
    if (!nested) NormalizeRope(rope, where);
  } else if (Present(config, "rope_theta") || Present(config, "rope_scaling")) {
    Json rope = Present(config, "rope_scaling") ? Json(config["rope_scaling"]) : Json::object();
    NormalizeRope(rope, where);
    if (Present(config, "rope_theta") && !Present(rope, "rope_theta")) rope["rope_theta"] = Json(config["rope_theta"]);
    config["rope_parameters"] = std::move(rope);
  }
}

}  // namespace

Json NormalizeConfig(Json config, std::string_view where) {
  Require(config.is_object(), "{}: the config is not an object", where);
  NormalizeLevel(config, where);
  for (auto& [key, value] : config.items())
    if (value.is_object() && std::string_view(key).ends_with("_config")) NormalizeLevel(value, where);
  return config;
}

}  // namespace tessera::weights
