#pragma once
// One style for the two that config.json files have.
//
//   as published before transformers 5                          here, as transformers 5 writes it
//   "rope_theta": 1e6, "rope_scaling": {"type": "yarn", …}      "rope_parameters": {"rope_theta": 1e6, "rope_type":
//   "yarn", …} "torch_dtype": "bfloat16"                                   "dtype": "bfloat16"

#include <string_view>

#include "tessera/core/json.h"

namespace tessera::weights {

// `config` with "rope_parameters" and "dtype" added where only the older keys stand, at the top and in the nested
// configs ("text_config", "vision_config", …). All other keys, the older ones too, stay as they are.
// "rope_parameters" always has a "rope_type" then. Throws Error "where: …" if one of these keys is of the wrong kind.
Json NormalizeConfig(Json config, std::string_view where);

}  // namespace tessera::weights
