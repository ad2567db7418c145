#include <CLI/CLI.hpp>

#include "tessera/cli/commands.h"
#include "tessera/core/error.h"
#ifdef TESSERA_MATH
#include "tessera/cli/math/commands.h"
#endif

namespace tessera::cli {

void AddMath(CLI::App& program, [[maybe_unused]] const Globals& globals) {
  CLI::App* math =
      program.add_subcommand("math", "Random walks, harmonic numbers, quadratics, gradients: to the last digit");
#ifdef TESSERA_MATH
  math->footer(
      "Exact where exact is possible, certified where it is not. Ends with 0 for an answer, 2 for input that cannot "
      "be\n"
      "meant, 3 if no answer exists, 4 if it is undecided at this precision.");
  math->require_subcommand(1);
  static constexpr NamedCommand kQuestions[] = {{"walk", AddWalk},           {"harmonic", AddHarmonic},
                                                {"quadratic", AddQuadratic}, {"gradient", AddGradient},
                                                {"float", AddFloat},         {"demo", AddDemo}};
  AddMeant(*math, kQuestions, globals, 1);
#else
  math->fallthrough(false)->allow_extras();  // whatever follows
  math->callback([] {
    Fail(
        "math: this program was built without the mathematics lab. Install FLINT (tools/setup.sh does) and build "
        "again");
  });
#endif
}

}  // namespace tessera::cli
