#!/bin/sh
# Builds the static library of a crate of this folder, offline, from the crates that Debian installs, by Debian's
# compiler (decision 014).
#
#   build.sh CACHE CRATE LIBRARY
#
# CACHE is shared by all builds of a source tree, so that crates are compiled once. LIBRARY: where the result goes.
# By the patches work that grew with the square of the input grows with the input; they change no tree. The oracle
# has html5ever as it is. Each patch names the version that it is for, and has none of its lines but those it replaces.
set -eu
source=$(dirname "$(realpath "$0")") crate=$2 library=$(realpath "$3")
registry=/usr/share/cargo/registry
mkdir -p "$1"
cache=$(realpath "$1")
exec 9>"$cache/.lock"
flock 9

# Copies, since cargo writes beside the sources. Files that have not changed keep their times.
for name in $(cd "$source" && find html5ever oracle -name '*.toml' -o -name '*.rs'); do
  cmp -s "$source/$name" "$cache/$name" && continue
  mkdir -p "$(dirname "$cache/$name")"
  cp "$source/$name" "$cache/$name"
done
for patch in "$source"/patches/*.patch; do
  version=$(basename "$patch" .patch)
  name=${version%-*}
  cmp -s "$patch" "$cache/$name.patch" && continue
  rm -rf "$cache/patched-$name"
  cp -r "$registry/$version" "$cache/patched-$name"
  patch -s -p1 -d "$cache/patched-$name" <"$patch"
  cp "$patch" "$cache/$name.patch"
done

cd "$cache/$crate"
set --
if [ "$crate" != oracle ]; then
  for name in html5ever string_cache; do
    set -- "$@" --config "patch.crates-io.$name.path=\"$cache/patched-$name\""
  done
fi
CARGO_HOME=$cache/cargo RUSTC=/usr/bin/rustc /usr/bin/cargo build --release --offline --target-dir "$cache/target" \
  --config 'source.crates-io.replace-with="debian"' \
  --config "source.debian.directory=\"$registry\"" \
  "$@" >"$cache/cargo.log" 2>&1 ||
  { cat "$cache/cargo.log" >&2; exit 1; }
cp "$cache/target/release/lib$(echo "copse_$crate" | tr - _).a" "$library"
