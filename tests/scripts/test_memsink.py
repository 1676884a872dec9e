#!/usr/bin/env python3
"""memsink and the example of a source and a sink: built in a folder of their own, with the address
sanitizer if the library's build has it, and tried by tests/memsink/check_memsink.py; keys of the Python package
over such sources by check_keys.py."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../memsink"))
from building import BUILD, SOURCE, build_extension, environment, install_memsink, interpreter  # noqa: E402


def check(folder):
    """Runs both programs, and sums up. Keys are in the package's extension, which may be missing."""
    env = environment(folder)
    env["PYTHONPATH"] += ":" + os.path.join(BUILD, "python")
    sums = [0, 0, 0]
    there = glob.glob(os.path.join(BUILD, "python/copse/_copse*.so"))
    for name in ["check_memsink.py"] + ["check_keys.py"] * bool(there):
        done = subprocess.run([interpreter(), os.path.join(SOURCE, "tests/memsink", name)], env=env,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(done.stdout, flush=True)
        closing = re.search(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", done.stdout, re.M)
        counts = [int(n or 0) for n in closing.groups()] if closing else [0, 1, 0]
        if done.returncode and not counts[1]:
            counts[1] = 1
        sums = [a + b for a, b in zip(sums, counts)]
    print(f"{sums[0]} passed, {sums[1]} failed" + (f", {sums[2]} skipped" if sums[2] else ""))
    return 1 if sums[1] else 0


def main():
    include = subprocess.run(
        [interpreter(), "-c", "import sysconfig; print(sysconfig.get_paths()['include'])"],
        stdout=subprocess.PIPE, text=True).stdout.strip()
    if not os.path.exists(os.path.join(include, "Python.h")):
        print("skip Python's headers are not there: scripts/install-deps.sh python")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    folder = tempfile.mkdtemp(prefix="memsink-", dir=os.environ.get("COPSE_TEST_DISK"))
    try:
        install_memsink(folder)
        for path in ("examples/sink/sink.c", "tests/memsink/hostile.c"):
            build_extension(os.path.join(SOURCE, path), folder, [os.path.join(folder, "memsink")])
        return check(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
