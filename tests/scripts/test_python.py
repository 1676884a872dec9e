#!/usr/bin/env python3
"""The tests of the Python package: each tests/python/check_*.py in a process of its own, with the
extension of the build folder. One built with the address sanitizer has it loaded beforehand."""
import glob
import os
import re
import subprocess
import sys

SOURCE = os.environ.get("COPSE_SOURCE_DIR") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("COPSE_BUILD_DIR") or os.path.join(SOURCE, "build"))
CLOSING = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")


def interpreter():
    """Debian's Python, which the extension was built for and which sees Debian's numpy."""
    return "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable


def environment():
    env = dict(os.environ, PYTHONPATH=os.path.join(BUILD, "python"), PYTHONDONTWRITEBYTECODE="1",
               PYTHONFAULTHANDLER="1")
    plan = os.path.join(BUILD, ".plan")
    if os.path.exists(plan) and "b_sanitize=address" in open(plan).read():
        compiler = os.environ.get("CC", "cc").split()[-1]
        libraries = [subprocess.run([compiler, f"-print-file-name={name}"], text=True, check=True,
                                    stdout=subprocess.PIPE).stdout.strip()
                     for name in ("libasan.so", "libubsan.so")]
        # The interpreter does not give all back at its end; its own allocator would hide misuse.
        env.update(LD_PRELOAD=" ".join(libraries), PYTHONMALLOC="malloc",
                   ASAN_OPTIONS="detect_leaks=0:detect_stack_use_after_return=1:"
                                "allocator_may_return_null=1:max_allocation_size_mb=1024")
    return env


def main():
    if not glob.glob(os.path.join(BUILD, "python/copse/_copse*.so")):
        print("skip there is no Python extension in this build")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    env = environment()
    sums = [0, 0, 0]
    for path in sorted(glob.glob(os.path.join(SOURCE, "tests/python/check_*.py"))):
        print(f"--- {os.path.basename(path)}", flush=True)
        process = subprocess.run([interpreter(), path], env=env, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        lines = process.stdout.decode("utf-8", "replace").splitlines()
        closing = next((m for m in map(CLOSING.match, reversed(lines)) if m), None)
        if closing:
            lines = [line for line in lines if not CLOSING.match(line)]
            counts = [int(n or 0) for n in closing.groups()]
        else:  # it died on the way
            counts = [sum(line.startswith(word) for line in lines)
                      for word in ("ok   ", "FAIL ", "skip ")]
        print("\n".join(lines), flush=True)
        if not closing or process.returncode and not counts[1]:
            counts[1] += 1
            print(f"FAIL {os.path.basename(path)}: exit code {process.returncode}")
        sums = [a + b for a, b in zip(sums, counts)]
    print(f"{sums[0]} passed, {sums[1]} failed" + (f", {sums[2]} skipped" if sums[2] else ""))
    return 1 if sums[1] else 0


if __name__ == "__main__":
    sys.exit(main())
