#!/usr/bin/env python3
"""Debian's source of python3-lmdb, unmodified, built against memsink: its own tests pass, and sinks over its
transactions keep their bytes beyond the end of these. Skipped where the source is not to be had; the
quick tier does not ask the network for it, but takes what an earlier run has fetched."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../memsink"))
from building import (BUILD, SOURCE, build_extension, environment, install_memsink,  # noqa: E402
                      interpreter, sanitized)

TRY = """
import gc, lmdb, hostile, sys, tempfile
assert "lmdb.cpython" in sys.modules
folder = tempfile.mkdtemp()
env = lmdb.open(folder)
with env.begin(write=True) as txn:
    for i in range(1000):
        txn.put(b"key %04d" % i, b"value %d" % i)
kept = []
for write in (False, True):
    txn = env.begin(write=write, buffers=True)
    assert hostile.is_source(txn)
    for i in range(0, 1000, 3):
        kept.append((hostile.Old(txn, 7, None, False, txn.get(b"key %04d" % i)), b"value %d" % i))
    del kept[::5]
    if write:
        txn.put(b"key 0000", b"another")
        txn.commit()
    else:
        txn.abort()
with env.begin(write=True) as txn:
    for i in range(1000):
        txn.put(b"key %04d" % i, b"X" * 20)
env.close()
gc.collect()
assert len(kept) > 400
for sink, value in kept:
    assert bytes(sink) == value[:7] or len(value) < 7 and bytes(sink)[:len(value)] == value, (sink, value)
print("sinks survive")
"""


def skip(why):
    print("skip", why)
    print("0 passed, 0 failed, 1 skipped")
    return 0


def source():
    folder = os.path.join(BUILD or tempfile.gettempdir(), "sources")
    if os.environ.get("COPSE_TEST_TIER", "check") != "check":
        subprocess.run([os.path.join(SOURCE, "scripts/fetch-source"), "python3-lmdb", folder], timeout=300)
    found = os.path.join(folder, "python3-lmdb")
    return found if os.path.exists(os.path.join(found, "setup.py")) else None


def main():
    if sanitized():
        return skip("py-lmdb is not built with sanitizers")
    found = source()
    if not found:
        return skip("the source of python3-lmdb is not to be had")
    folder = tempfile.mkdtemp(prefix="memsink-", dir=os.environ.get("COPSE_TEST_DISK"))
    passed = failed = 0
    try:
        install_memsink(folder)
        build_extension(os.path.join(SOURCE, "tests/memsink/hostile.c"), folder,
                        [os.path.join(folder, "memsink")])
        copy = os.path.join(folder, "py-lmdb")
        shutil.copytree(found, copy)
        env = dict(environment(folder), LMDB_FORCE_SYSTEM="1")  # as Debian builds it
        env["PYTHONPATH"] = folder + ":" + copy
        steps = [
            ("build", [interpreter(), "setup.py", "build_ext", "--inplace"]),
            ("its own tests", [interpreter(), "-m", "unittest", "-q",
                               *sorted(glob.glob("tests/*_test.py", root_dir=copy))]),
            ("sinks over its transactions", [interpreter(), "-c", TRY]),
        ]
        for name, command in steps:
            done = subprocess.run(command, cwd=copy, env=env, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
            built = name != "build" or "-DHAVE_MEMSINK" in done.stdout
            if done.returncode == 0 and built:
                passed += 1
                print("ok  ", name)
            else:
                failed += 1
                print("FAIL", name, "" if built else ": it does not look for memsink")
                print(done.stdout)
                break
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
