#!/bin/sh
# Builds the Rust half of the concread adapter, offline, from the crates that Debian installs.
#
#   build.sh SOURCE_DIR OUTPUT_DIR LIBRARY
#
# LIBRARY is where the static library goes.
set -eu
source=$(realpath "$1") library=$(realpath "$3")
mkdir -p "$2/src"
output=$(realpath "$2")
cp "$source/Cargo.toml" "$output/"
cp "$source/src/lib.rs" "$output/src/"
cd "$output"
cargo build --release --offline --target-dir target \
  --config 'source.crates-io.replace-with="debian"' \
  --config 'source.debian.directory="/usr/share/cargo/registry"' >cargo.log 2>&1 ||
  { cat cargo.log >&2; exit 1; }
cp target/release/libbench_concread.a "$library"
