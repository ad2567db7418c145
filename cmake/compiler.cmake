# Language level, warnings, sanitizers and ccache, the same for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(tessera_compiler INTERFACE)
# Headers use C++20, so whoever builds against the installed package needs it too.
target_compile_features(tessera_compiler INTERFACE cxx_std_20)
# No contraction: a product and a sum fuse only where a kernel says so, hence the same bits from every compiler.
# Option structs are made to be initialised in part, hence no warning about missing initializers.
set(options -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -ffp-contract=off
            -Wno-missing-field-initializers)
if(TESSERA_WERROR)
  list(APPEND options -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these falsely inside its own standard library and vector headers at -O2 and above.
  list(APPEND options -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds
                      -Wno-restrict -Wno-psabi -Wno-ignored-attributes -Wno-dangling-pointer)
endif()
target_compile_options(tessera_compiler INTERFACE "$<BUILD_INTERFACE:$<$<COMPILE_LANGUAGE:CXX>:${options}>>")
if(TESSERA_SANITIZE)
  target_compile_options(tessera_compiler INTERFACE
    $<BUILD_INTERFACE:-fsanitize=${TESSERA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all>)
  target_link_options(tessera_compiler INTERFACE $<BUILD_INTERFACE:-fsanitize=${TESSERA_SANITIZE}>)
endif()
