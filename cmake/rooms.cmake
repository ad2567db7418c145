# tessera_room(NAME [USES room...] [LINKS target...] [EXCLUDE regex]): the library of one room, from every .cc file below
# its folder but those that match.
# A room links only the rooms it may use, so a forbidden include also fails to link.
function(tessera_room name)
  cmake_parse_arguments(ROOM "" "EXCLUDE" "USES;LINKS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cc)
  if(ROOM_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "${ROOM_EXCLUDE}")
  endif()
  list(TRANSFORM ROOM_USES PREPEND tessera_)
  if(NOT sources)  # headers only
    add_library(tessera_${name} INTERFACE)
    target_link_libraries(tessera_${name} INTERFACE ${ROOM_USES} ${ROOM_LINKS})
    return()
  endif()
  add_library(tessera_${name} STATIC ${sources})
  add_library(tessera::${name} ALIAS tessera_${name})
  set_target_properties(tessera_${name} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(tessera_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:include>)
  target_link_libraries(tessera_${name} PUBLIC ${ROOM_USES} ${ROOM_LINKS} tessera_compiler)
  set_property(GLOBAL APPEND PROPERTY TESSERA_ROOMS tessera_${name})
endfunction()

# tessera_tests(ROOM [LINKS target...] [EXCLUDE regex]): one test program from every *_test.cc below tests/ROOM.
function(tessera_tests room)
  cmake_parse_arguments(TESTS "" "EXCLUDE" "LINKS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${room}/*.cc)
  if(TESTS_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "${TESTS_EXCLUDE}")
  endif()
  if(NOT sources)
    return()
  endif()
  add_executable(${room}_tests ${sources} ${PROJECT_SOURCE_DIR}/tests/own_folder.cc)
  target_link_libraries(${room}_tests PRIVATE tessera_${room} ${TESTS_LINKS} GTest::gmock GTest::gtest_main tessera_compiler)
  target_include_directories(${room}_tests PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${room}_tests PRIVATE TESSERA_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data"
    TESSERA_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  gtest_discover_tests(${room}_tests TEST_PREFIX ${room}. DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
endfunction()
