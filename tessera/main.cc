#include "tessera/cli/program.h"

int main(int argc, char** argv) { return tessera::cli::RunProgram(argc, argv); }
