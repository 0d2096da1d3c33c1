#!/bin/sh
# Every C++ file is formatted as .clang-format says.
set -eu
git ls-files '*.cpp' '*.hpp' | xargs clang-format --dry-run --Werror
