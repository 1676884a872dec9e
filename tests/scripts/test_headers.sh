#!/bin/bash
# Every public header compiles alone, as C17 and as C++17, without a warning.
set -u
cd "${COPSE_SOURCE_DIR:-$(dirname "$0")/../..}" || exit 1
passed=0 failed=0

try() { # NAME COMMAND...
  local name=$1
  shift
  if "$@"; then
    passed=$((passed + 1)) && echo "ok   $name"
  else
    failed=$((failed + 1)) && echo "FAIL $name"
  fi
}

compile() { # COMPILER LANGUAGE STANDARD HEADER
  printf '#include <copse/%s>\n#include <copse/%s>\n' "$4" "$4" |
    "$1" -x "$2" -std="$3" -Wall -Wextra -Wpedantic -Werror -fsyntax-only -Iinclude -
}

for path in include/copse/*.h; do
  header=${path##*/}
  try "$header as C17" compile "${CC:-cc}" c c17 "$header"
  try "$header as C++17" compile "${CXX:-c++}" c++ c++17 "$header"
  if command -v clang >/dev/null 2>&1; then
    try "$header as C17 (clang)" compile clang c c17 "$header"
    try "$header as C++17 (clang)" compile clang c++ c++17 "$header"
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
