#!/bin/sh
# Installs the Debian packages that a task needs; the one list of them, each with its reason.
#
#   scripts/install-deps.sh [build|python|html|sanitize|aarch64|valgrind|bench|quick|bench-python|demo-html|wheel|format]...
#
# A package also counts as there when its command is on the PATH (a compiler that came from
# elsewhere). Says nothing and does nothing when all is there.
set -eu

packages() { # GROUP: lines "package command-or-- reason"
  case $1 in
  build)
    echo "gcc gcc the C compiler"
    echo "libc6-dev - the C library's headers"
    echo "meson meson the build system"
    echo "ninja-build ninja runs what meson plans"
    echo "pkg-config pkg-config finds libraries; tests use it like a user of the library"
    echo "python3 python3 the test runner and the lint; an independent reader of the format"
    echo "g++ g++ compiles the public headers as C++"
    ;;
  python)
    echo "python3-dev - Python's headers, for the extension"
    echo "python3-numpy - typed records as arrays; optional when the package is used"
    echo "python3-setuptools - builds py-lmdb, a test of memsink"
    echo "liblmdb-dev - which it is linked with"
    echo "dpkg-dev dpkg-source unpacks its source"
    ;;
  html)
    echo "cargo - the Rust compiler's front; by its path, /usr/bin/cargo (decision 014)"
    echo "rustc - the compiler"
    echo "librust-html5ever-dev - the parser"
    echo "patch patch makes html5ever linear where it is not"
    echo "librust-encoding-rs-dev - conversion of encodings"
    echo "librust-markup5ever-rcdom-dev - html5ever's own tree, which tests and benchmark compare with"
    ;;
  wheel)
    echo "python3-pip - builds and installs the package: make python"
    echo "python3-mesonpy - the bridge from pip to Meson"
    ;;
  sanitize)
    echo "clang clang the second compiler and its thread sanitizer"
    echo "libclang-rt-dev - the sanitizers' run-time libraries"
    echo "llvm llvm-symbolizer names and lines in the sanitizers' reports"
    ;;
  aarch64)
    echo "gcc-aarch64-linux-gnu aarch64-linux-gnu-gcc the cross compiler"
    echo "libc6-dev-arm64-cross - its C library"
    echo "qemu-user qemu-aarch64 runs the result"
    ;;
  valgrind)
    echo "valgrind valgrind looks for leaks"
    ;;
  bench)
    echo "g++ g++ engines with a C++ interface"
    echo "liblmdb-dev - engine: LMDB"
    echo "libsqlite3-dev - engine: SQLite"
    echo "librocksdb-dev - engine: RocksDB"
    echo "libdb5.3-dev - engine: Berkeley DB"
    echo "libboost-dev - engine: Boost.Interprocess"
    echo "libxml2-dev - peer of the workloads tree, select and html"
    echo "libgumbo-dev - peer of the workload html"
    echo "python3-doc - pages for it, of all sizes (the largest are of nodejs-doc: install it where nodejs is Debian's)"
    echo "sqlite3-doc - pages for it, many and small"
    echo "cargo cargo engine: concread, a Rust library"
    echo "librust-concread-dev - its source"
    ;;
  quick)
    echo "liblmdb-dev - engine: LMDB"
    ;;
  bench-python)
    echo "python3-lmdb - peer: LMDB from Python"
    echo "python3-h5py - peer: HDF5 from Python"
    echo "python3-lxml - peer: libxml2 from Python"
    echo "python3-cssselect - its selectors"
    echo "python3-bs4 - peer: BeautifulSoup"
    echo "postgresql-doc-15 - the pages that they parse"
    ;;
  demo-html)
    echo "postgresql-doc-15 - 1,169 pages of HTML for examples/scrape"
    ;;
  format)
    echo "clang-format clang-format settles the formatting"
    ;;
  *)
    echo "install-deps.sh: there is no group '$1'" >&2
    exit 2
    ;;
  esac
}

missing() { # GROUP...: names of the packages that are not there
  for group in "$@"; do
    list=$(packages "$group") || exit 2
    echo "$list" | while read -r package command reason; do
      [ "$command" != - ] && command -v "$command" >/dev/null 2>&1 && continue
      state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=
      [ "$state" = installed ] && continue
      echo "$package"
    done
  done | sort -u
}

[ $# -gt 0 ] || set -- build
for group in "$@"; do packages "$group" >/dev/null; done
if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "install-deps.sh: this is not Debian; going on with what is there" >&2
  exit 0
fi
needed=$(missing "$@")
[ -n "$needed" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "install-deps.sh: as root, please: apt-get install" $needed >&2
    exit 1
  fi
  as_root=sudo
fi
echo "installing:" $needed
install() {
  $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends $needed </dev/null
}
# The lists of packages may be missing or old: fetch them only when the install fails.
install || { $as_root apt-get update -q && install; }
