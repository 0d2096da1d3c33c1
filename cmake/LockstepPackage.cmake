# `cmake --install` and the Debian package: program, manual page, completions, models and GPUs.
include(GNUInstallDirs)
install(TARGETS lockstep RUNTIME)
install(DIRECTORY configs hardware DESTINATION "${CMAKE_INSTALL_DATADIR}/lockstep")
install(DIRECTORY docs/schema DESTINATION "${CMAKE_INSTALL_DATADIR}/lockstep")
# `PYTHONPATH=<prefix>/share/lockstep python3 -m serving`: the door that existing scripts call.
install(DIRECTORY serving DESTINATION "${CMAKE_INSTALL_DATADIR}/lockstep"
  FILES_MATCHING PATTERN "*.py" PATTERN "__pycache__" EXCLUDE)
install(FILES README.md CHANGELOG.md "docs/releases/${PROJECT_VERSION}.md" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# The program writes its own manual page and completions.
set(shell_dir "${PROJECT_BINARY_DIR}/generated/shell")
file(MAKE_DIRECTORY "${shell_dir}")
set(shell_files)
foreach(made IN ITEMS "man:lockstep.1" "completions bash:lockstep" "completions zsh:_lockstep"
    "completions fish:lockstep.fish")
  string(REPLACE ":" ";" made "${made}")
  list(GET made 0 command)
  list(GET made 1 name)
  separate_arguments(command)
  add_custom_command(OUTPUT "${shell_dir}/${name}"
    COMMAND lockstep ${command} > "${shell_dir}/${name}"
    DEPENDS lockstep VERBATIM)
  list(APPEND shell_files "${shell_dir}/${name}")
endforeach()
add_custom_target(shell_files ALL DEPENDS ${shell_files})
install(FILES "${shell_dir}/lockstep.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
install(FILES "${shell_dir}/lockstep"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
install(FILES "${shell_dir}/_lockstep"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions")
install(FILES "${shell_dir}/lockstep.fish"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME lockstep)
set(CPACK_PACKAGE_CONTACT "Lockstep")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "simulator of clusters that serve large language models")
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
if(LOCKSTEP_PYTHON)
  set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "python3, python3-numpy, python3-pandas")
endif()
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
include(CPack)
