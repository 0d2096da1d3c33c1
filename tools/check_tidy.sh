#!/bin/sh
# clang-tidy over the project's own sources, with the compile commands of the clang preset.
# usage: check_tidy.sh [FILE...]
set -eu
[ -f build/clang/build.ninja ] || cmake --preset clang >/dev/null
cmake --build build/clang --target lockstep_chakra >/dev/null
if [ $# -gt 0 ]; then
  printf '%s\n' "$@"
else
  git ls-files 'src/*.cpp' 'apps/*.cpp'
fi | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p build/clang
