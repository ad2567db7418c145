# cmake --install: the libraries with their headers and CMake package, the program, its manual page and completions.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(rooms GLOBAL PROPERTY TESSERA_ROOMS)
list(REMOVE_ITEM rooms tessera_cli)  # a part of the program, not of the library
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tessera)

install(TARGETS ${rooms} tessera_compiler EXPORT tessera ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/tessera DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h" PATTERN "*-inl.h" EXCLUDE PATTERN "cli" EXCLUDE)
install(EXPORT tessera NAMESPACE tessera:: FILE tessera-targets.cmake DESTINATION ${package_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/tessera-config.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/tessera-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/tessera-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tessera-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/tessera-config-version.cmake
        DESTINATION ${package_dir})

install(TARGETS tessera_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# The program describes itself, so its manual and completions are never behind.
set(described ${CMAKE_CURRENT_BINARY_DIR}/described)
add_custom_command(OUTPUT ${described}/tessera.1 ${described}/tessera ${described}/_tessera ${described}/tessera.fish
  COMMAND ${CMAKE_COMMAND} -E make_directory ${described}
  COMMAND tessera_program man > ${described}/tessera.1
  COMMAND tessera_program completion bash > ${described}/tessera
  COMMAND tessera_program completion zsh > ${described}/_tessera
  COMMAND tessera_program completion fish > ${described}/tessera.fish
  DEPENDS tessera_program COMMENT "Writing the manual page and the completions" VERBATIM)
add_custom_target(tessera_described ALL DEPENDS ${described}/tessera.1)
install(FILES ${described}/tessera.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${described}/tessera DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${described}/_tessera DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${described}/tessera.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
