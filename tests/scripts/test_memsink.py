#!/usr/bin/env python3
"""memsink and the example of a source and a sink: built in a folder of their own, with the address
sanitizer if the library's build has it, and tried by tests/memsink/check_memsink.py."""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../memsink"))
from building import SOURCE, build_extension, environment, install_memsink, interpreter  # noqa: E402


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
        return subprocess.run([interpreter(), os.path.join(SOURCE, "tests/memsink/check_memsink.py")],
                              env=environment(folder), stderr=subprocess.STDOUT).returncode
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
