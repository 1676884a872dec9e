#!/bin/bash
# The library as its users meet it: what it exports, what it needs, and a program that is
# built against the installed files with pkg-config alone.
set -u
build=${COPSE_BUILD_DIR:?}
source=${COPSE_SOURCE_DIR:?}
wrapper=${COPSE_EXE_WRAPPER:-}
library=$build/libcopse.so
passed=0 failed=0 skipped=0
place=$(mktemp -d) || exit 1
trap 'rm -rf "$place"' EXIT

result() { # STATUS NAME
  if [ "$1" -eq 0 ]; then
    passed=$((passed + 1)) && echo "ok   $2"
  else
    failed=$((failed + 1)) && echo "FAIL $2"
  fi
}

plan=$(cat "$build/.plan" 2>/dev/null)
if [ -n "$wrapper" ] || [[ $plan == *b_sanitize* ]]; then
  echo "skip not for a cross build or under a sanitizer"
  echo "0 passed, 0 failed, 1 skipped"
  exit 0
fi
if [ ! -e "$library" ]; then
  echo "FAIL there is no $library"
  echo "0 passed, 1 failed"
  exit 1
fi

foreign=$(nm -D --defined-only "$library" | awk '{print $3}' | sed 's/@.*//' | grep -v '^copse_')
[ -z "$foreign" ] || echo "     exported: $foreign"
[ -z "$foreign" ]
result $? "exports copse_ names only"

foreign=$(nm -g --defined-only "$build/libcopse.a" | awk 'NF == 3 {print $3}' | grep -v '^copse_')
[ -z "$foreign" ] || echo "     to be seen in libcopse.a: $foreign"
[ -z "$foreign" ]
result $? "so does the static library"

objdump -p "$library" | grep -q 'SONAME *libcopse.so.0$'
result $? "the SONAME is libcopse.so.0"

needed=$(objdump -p "$library" | awk '/NEEDED/ {print $2}' | grep -v '^libc\.so' | grep -v '^ld-linux')
[ -z "$needed" ] || echo "     needs: $needed"
[ -z "$needed" ]
result $? "needs the C library only"

# Functions that the headers declare and the library does not have.
printf '#include <copse/copse.h>\n' | ${CC:-cc} -E -P -I"$source/include" - |
  tr '\n' ' ' | grep -oE '__attribute__\(\(visibility[^;{]*' |
  grep -oE '\bcopse_[a-z0-9_]+ ?\(' | tr -d ' (' | sort -u >"$place/declared"
nm -D --defined-only "$library" | awk '{print $3}' | sed 's/@.*//' | sort -u >"$place/defined"
absent=$(comm -23 "$place/declared" "$place/defined")
[ -s "$place/declared" ] && [ -z "$absent" ]
result $? "defines every declared function${absent:+; these are absent:" "$(echo $absent)}"

DESTDIR=$place/root meson install -C "$build" --no-rebuild >"$place/log" 2>&1
result $? "installs" || cat "$place/log"
pc=$(find "$place/root" -name copse.pc)
prefix=$(sed -n 's/^prefix=//p' "$pc")
cat >"$place/user.c" <<'C'
#include <copse/copse.h>
#include <stdio.h>
int main(void) { return puts(copse_version()) < 0; }
C
export PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$place/root
folder=$(dirname "${pc%/*}")
${CC:-cc} "$place/user.c" -o "$place/user" $(pkg-config --cflags --libs copse) &&
  [ "$(LD_LIBRARY_PATH=$folder "$place/user")" = "$(pkg-config --modversion copse)" ]
result $? "a program builds with pkg-config and runs (prefix $prefix)"
objdump -p "$place/root$prefix/bin/copse" | grep -q "RUNPATH *${folder#"$place/root"}\$"
result $? "the tool looks for the library where it was installed"
${CC:-cc} "$place/user.c" -o "$place/user-static" -I"$place/root$prefix/include" \
  "$folder/libcopse.a" && "$place/user-static" >"$place/log"
result $? "a program builds with the static library and runs"

closing="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || closing="$closing, $skipped skipped"
echo "$closing"
[ "$failed" -eq 0 ]
