# Common headers compiled once: without it every file reads the standard library anew, which is
# more than half of a build. Where ccache is, objects come from it instead: it finds those of other
# folders too, which it could not with precompiled headers, and finds includes that are missing.
if(CCACHE)
  set(precompile_default OFF)
else()
  set(precompile_default ON)
endif()
option(LOCKSTEP_PRECOMPILED_HEADERS "Compile common headers once" ${precompile_default})

if(LOCKSTEP_PRECOMPILED_HEADERS AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # From a precompiled header GCC 12 takes the library's own code for ours, and its guesses about
  # what lies out of bounds are then errors. Builds with ccache, and clang's, keep these warnings.
  target_compile_options(lockstep_flags INTERFACE -Wno-array-bounds -Wno-stringop-overflow
    -Wno-stringop-overread -Wno-maybe-uninitialized)
endif()

set(LOCKSTEP_COMMON_HEADERS <algorithm> <array> <cstdint> <deque> <filesystem> <functional> <map>
  <memory> <optional> <set> <span> <string> <string_view> <unordered_map> <utility> <variant>
  <vector> <fmt/format.h> <fmt/ranges.h>)

# lockstep_headers(target first header...): `target` uses those of `first`, or makes them.
function(lockstep_headers target first)
  if(NOT LOCKSTEP_PRECOMPILED_HEADERS)
    return()
  endif()
  if(target STREQUAL first)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  else()
    target_precompile_headers(${target} REUSE_FROM ${first})
  endif()
endfunction()
