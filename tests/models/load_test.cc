// Configs and checkpoints that do not fit: each error names what is wrong.

#include "tessera/models/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/golden.h"
#include "tessera/models/config_reader.h"
#include "tessera/models/deepseek.h"
#include "tessera/models/llama.h"

namespace tessera::models {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

const Json kNothing = Json::object();

// The tiny Llama with its config changed.
void LoadChanged(const Json& changes, const std::string& without = "") {
  const Golden golden("llama_smollm2_fp32");
  Json config = golden.checkpoint.config();
  config.update(changes);
  const auto find = [&](const std::string& name) { return name == without ? Tensor() : golden.checkpoint.Find(name); };
  LoadLlama({.config = config, .generation_config = kNothing, .find = find}, {});
}

// The tiny mixture of experts with its config changed.
void LoadMoonlightChanged(const Json& changes) {
  const Golden golden("moonlight_moe_fp32");
  Json config = golden.checkpoint.config();
  config.update(changes);
  LoadDeepseek({.config = config,
                .generation_config = kNothing,
                .find = [&](const std::string& name) { return golden.checkpoint.Find(name); }},
               {});
}

TEST(LoadModel, ExpertsThatMakeNoSenseAreRefusedByTheirKey) {
  const auto refused = [](const char* changes, const char* what) {
    EXPECT_THAT([&] { LoadMoonlightChanged(ParseJson(changes, "c")); }, ThrowsMessage<Error>(HasSubstr(what)))
        << changes;
  };
  refused(R"({"n_routed_experts": 100000})", "the limit is 4096");
  refused(R"({"num_experts_per_tok": 9})", "8 experts can be chosen");
  refused(R"({"n_group": 3})", "must divide");
  refused(R"({"topk_group": 2})", "\"topk_group\"");
  refused(R"({"scoring_func": "dice"})", "dice");
  refused(R"({"topk_method": "dice"})", "dice");
  refused(R"({"kv_lora_rank": null})", "\"kv_lora_rank\"");
  refused(R"({"qk_rope_head_dim": 7})", "even number");
  refused(R"({"moe_intermediate_size": 31})", "experts.0");
  LoadMoonlightChanged(Json::object());
}

TEST(LoadModel, ConfigsThatMakeNoSenseAreRefusedByTheirKey) {
  const auto refused = [](const char* changes, const char* what) {
    EXPECT_THAT([&] { LoadChanged(ParseJson(changes, "c")); }, ThrowsMessage<Error>(HasSubstr(what))) << changes;
  };
  refused(R"({"hidden_size": null})", "\"hidden_size\" is missing");
  refused(R"({"hidden_size": "many"})", "\"hidden_size\"");
  refused(R"({"hidden_size": -8})", "-8");
  refused(R"({"vocab_size": 99999999999})", "99999999999");
  refused(R"({"num_hidden_layers": 16000000})", "the limit is 4096");
  refused(R"({"num_hidden_layers": 1.5})", "1.5");
  refused(R"({"num_key_value_heads": 4})", "must divide");
  refused(R"({"head_dim": 11})", "even number");
  refused(R"({"head_dim": null, "num_attention_heads": 7, "num_key_value_heads": 1})", "multiple");
  refused(R"({"rms_norm_eps": 0})", "\"rms_norm_eps\"");
  refused(R"({"hidden_act": "gelu"})", "\"gelu\"");
  refused(R"({"tie_word_embeddings": 1})", "\"tie_word_embeddings\"");
  refused(R"({"tessera_rope_layout": "spirals"})", "spirals");
}

TEST(LoadModel, WeightsThatDoNotFitTheConfigAreNamed) {
  EXPECT_THAT([] { LoadChanged(kNothing, "model.layers.1.mlp.up_proj.weight"); },
              ThrowsMessage<Error>(AllOf(HasSubstr("\"model.layers.1.mlp.up_proj.weight\""), HasSubstr("missing"))));
  EXPECT_THAT([] { LoadChanged(ParseJson(R"({"intermediate_size": 128})", "c")); },
              ThrowsMessage<Error>(AllOf(HasSubstr("[160, 72]"), HasSubstr("[128, 72]"))));
  EXPECT_THAT([] { LoadChanged(ParseJson(R"({"num_hidden_layers": 4})", "c")); },
              ThrowsMessage<Error>(HasSubstr("model.layers.3.")));
  EXPECT_THAT([] { LoadChanged(ParseJson(R"({"tie_word_embeddings": false})", "c")); },
              ThrowsMessage<Error>(HasSubstr("lm_head.weight")));
  EXPECT_THAT([] { LoadChanged(ParseJson(R"({"attention_bias": true})", "c")); },
              ThrowsMessage<Error>(HasSubstr("q_proj.bias")));
}

TEST(LoadModel, SummarySaysWhatInferenceNeeds) {
  const auto model = Golden("llama_smollm2_fp32").Load();
  const ModelSummary& summary = model->summary();
  EXPECT_EQ(summary.family, "llama");
  EXPECT_EQ(summary.vocab, 384);
  EXPECT_EQ(summary.hidden, 72);
  EXPECT_EQ(summary.layers(), 3);
  EXPECT_EQ(summary.kv[0].kv_heads, 2);
  EXPECT_EQ(summary.kv[0].key_dim, 12);
  EXPECT_EQ(summary.max_context, 512);
  EXPECT_THAT(summary.eos_ids, testing::Contains(2));
  const auto sliding = Golden("qwen2_sliding_window_fp32").Load();
  EXPECT_EQ(sliding->summary().kv[0].window, 0);
  EXPECT_EQ(sliding->summary().kv[1].window, 5);
}

TEST(LoadModel, LatentAttentionKeepsItsLatentOnce) {
  const auto model = Golden("moonlight_moe_fp32").Load();
  for (const KvShape& kv : model->summary().kv)
    EXPECT_EQ(kv.Format(DType::kBF16).page_bytes(), kernels::kPageTokens * (24 + 8) * 2);  // latent and rotary key
}

TEST(LoadModel, FamiliesThatNoGpuKnowsAreRefusedThere) {
  EXPECT_THAT([] { Golden("moonlight_moe_fp32").Load({.device = Device::kCuda}); },
              ThrowsMessage<Error>(HasSubstr("models of type \"deepseek_v3\" do not run on a GPU yet")));
}

TEST(LoadModel, FamiliesAreListed) {
  EXPECT_THAT(Families(), testing::IsSupersetOf({"llama", "qwen2", "qwen2_vl", "qwen2_5_vl"}));
}

TEST(ConfigReader, IdsMayBeANumberAListOrNothing) {
  const Json config = ParseJson(R"({"one": 2, "many": [2, 5, -1, 900], "none": null, "odd": "x"})", "c");
  const ConfigReader reader(config);
  EXPECT_THAT(reader.Ids("one", 10), ElementsAre(2));
  EXPECT_THAT(reader.Ids("many", 10), ElementsAre(2, 5));
  EXPECT_THAT(reader.Ids("none", 10), ElementsAre());
  EXPECT_THROW(reader.Ids("odd", 10), Error);
  EXPECT_THROW(ConfigReader(Json::array()), Error);
}

}  // namespace
}  // namespace tessera::models
