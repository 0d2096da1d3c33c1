#!/bin/sh
# clang-tidy over the project's own sources; the build folder must have been configured.
set -eu
build=${1:-build/release}
git ls-files 'src/*.cpp' 'apps/*.cpp' | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p "$build"
