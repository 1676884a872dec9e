#!/bin/sh
# Says which files belong to what, so that no list is kept by hand. Run by Meson when it
# configures, and by scripts/build and scripts/run-tests.
#
#   library    src/**/*.c
#   headers    include/copse/*.h
#   cli        cli/**/*.c, as soon as there is a main() among them
#   tests      programs: tests/KIND/**/test_*.c, and tests/fuzz/fuzz_*.c
#   support    tests/support/*.c
#   examples   programs: each examples/**/*.c with a line that begins with "int main("
#   extension  python/copse/_*.c: the Python extension
#   python     the other files of the Python package
#   scripts    tests that are scripts: tests/**/test_*.sh and .py
#
# A program is one line, "NAME MAIN.c HELPER.c...": NAME is the path below tests/ or examples/
# with - for / and without "test_" or "fuzz_"; helpers are the other .c files of its folder.
set -eu
cd "$(dirname "$0")/.."
export LC_ALL=C
main='^int main\('

find_in() { # FOLDER PATTERN...: sorted paths
  folder=$1
  shift
  [ -d "$folder" ] || return 0
  find "$folder" "$@" -type f | sort
}

helpers() { # FOLDER: the .c files in it that are no program of their own
  for helper in "$1"/*.c; do
    [ -e "$helper" ] || continue
    case ${helper##*/} in test_* | fuzz_*) continue ;; esac
    grep -Eq "$main" "$helper" || printf ' %s' "$helper"
  done
}

program() { # NAME SOURCE
  printf '%s %s%s\n' "$(printf %s "$1" | tr / -)" "$2" "$(helpers "${2%/*}")"
}

case ${1:-} in
library) find_in src -name '*.c' ;;
headers) find_in include/copse -name '*.h' ;;
cli) [ ! -d cli ] || ! grep -Erq --include='*.c' "$main" cli || find_in cli -name '*.c' ;;
support) find_in tests/support -name '*.c' ;;
tests)
  find_in tests -mindepth 2 \( -name 'test_*.c' -o -path 'tests/fuzz/fuzz_*.c' \) |
    while read -r source; do
      case $source in tests/support/*) continue ;; esac
      name=${source#tests/}
      name=$(printf %s "${name%.c}" | sed -E 's,^(.*/)(test|fuzz)_,\1,')
      program "$name" "$source"
    done
  ;;
examples)
  find_in examples -name '*.c' | while read -r source; do
    grep -Eq "$main" "$source" || continue
    name=${source#examples/}
    program "${name%.c}" "$source"
  done
  ;;
extension) find_in python/copse -name '_*.c' ;;
python) find_in python/copse \( -name '*.py' -o -name '*.pyi' -o -name py.typed \) ;;
scripts) find_in tests \( -name 'test_*.sh' -o -name 'test_*.py' \) ;;
all)
  for kind in library headers cli support tests examples extension python; do "$0" "$kind"; done
  ;;
*)
  echo "usage: $0 library|headers|cli|tests|support|examples|extension|python|scripts|all" >&2
  exit 2
  ;;
esac
