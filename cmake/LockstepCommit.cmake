# lockstep_commit: the commit that the sources are of. Looked up at every build, written when it
# has changed, so that a commit compiles this one file and links the programs.
set(commit_source "${PROJECT_BINARY_DIR}/generated/build_commit.cpp")
add_custom_target(lockstep_commit_source
  COMMAND "${CMAKE_COMMAND}" "-DSOURCE_DIR=${PROJECT_SOURCE_DIR}" "-DOUTPUT=${commit_source}"
          -P "${PROJECT_SOURCE_DIR}/cmake/write_commit.cmake"
  BYPRODUCTS "${commit_source}"
  COMMENT "" VERBATIM)
add_library(lockstep_commit STATIC "${commit_source}")
add_dependencies(lockstep_commit lockstep_commit_source)
target_include_directories(lockstep_commit PUBLIC "${PROJECT_SOURCE_DIR}/src")
