#!/bin/bash
# The Python package as `make python` and pip install it: a wheel for every Python from 3.11 on, that
# holds all it needs, with stubs, and works in a fresh environment. Not in the quick tier: it builds the
# library once more.
set -u
source=${COPSE_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
passed=0 failed=0
place=$(mktemp -d) || exit 1
trap 'rm -rf "$place"' EXIT

skip() {
  echo "skip $1"
  echo "0 passed, 0 failed, 1 skipped"
  exit 0
}
[ "${COPSE_TEST_TIER:-check}" != check ] || skip "in the tier 'test'"
[ -z "${COPSE_EXE_WRAPPER:-}" ] || skip "not for a cross build"
! grep -q 'b_sanitize=[atu]' "${COPSE_BUILD_DIR:-$source/build}/.plan" 2>/dev/null ||
  skip "not under a sanitizer"

result() { # STATUS NAME [FILE: shown when it failed]
  if [ "$1" -eq 0 ]; then
    passed=$((passed + 1)) && echo "ok   $2"
  else
    failed=$((failed + 1)) && echo "FAIL $2"
    [ -z "${3:-}" ] || sed 's/^/     /' "$3"
  fi
}

# pip is kept from every index: what it does not find here is a fault.
PIP_NO_INDEX=1 "$source/scripts/python-environment" "$place/env" >"$place/log" 2>&1
result $? "scripts/python-environment" "$place/log"
python=$place/env/bin/python3
cd "$place" || exit 1

"$python" - "$place" >"$place/out" 2>&1 <<'PYTHON'
import importlib.metadata, os, sys
import copse
files = [str(f) for f in importlib.metadata.files("copse")]
assert "copse/py.typed" in files and "copse/__init__.pyi" in files, files
assert any(f.startswith("copse/_copse") and f.endswith(".abi3.so") for f in files), files
assert not [f for f in files if not f.startswith(("copse/", "copse-"))], files
assert importlib.metadata.version("copse") == copse.__version__
with copse.open(os.path.join("/dev/shm", f"copse-package-{os.getpid()}"), create=True) as db:
    db.map("m")[b"a"] = b"1"
copse.remove(db.path)
PYTHON
result $? "what is installed works, and is what belongs there" "$place/out"

"$python" -c 'import importlib.metadata as m; print(m.distribution("copse").read_text("WHEEL"))' |
  grep -q '^Tag: cp311-abi3-linux'
result $? "the wheel is for Python 3.11 and later"

so=$(ls "$place"/env/lib/python3*/site-packages/copse/_copse*.so)
! ldd "$so" | grep -q libcopse
result $? "it needs no libcopse beside it"

"$python" -c 'import sys; sys.modules["numpy"] = None; import copse; copse.open(None).map("m", value="f64")'
result $? "it can be imported without numpy"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
