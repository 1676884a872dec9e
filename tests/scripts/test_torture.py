#!/usr/bin/env python3
"""scripts/torture tells a fault from none, with a seed; and, but for the quick tier, a short run."""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
TORTURE = os.path.join(ROOT, "scripts/torture")
SOUND = """#!/bin/sh
[ "$1" = --list ] && { echo one; exit 0; }
echo "3 deaths, 7 commits, 2 snapshots checked"
echo "1 passed, 0 failed"
"""
FAULTY = SOUND.replace("7 commits", "7 commits; FAULT of $0").replace("1 passed, 0", "0 passed, 1")
HANGING = SOUND.replace('echo "1 passed', 'sleep 1000; echo "1 passed')
DYING = SOUND.replace('echo "1 passed', 'kill -ABRT $$; echo "1 passed')


def run(folder, seconds):
    process = subprocess.run([sys.executable, TORTURE, "--seconds", str(seconds), folder],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return process.returncode, process.stdout


def run_fake(program):
    """All test programs are this one."""
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "tests"))
        lines = subprocess.run([os.path.join(ROOT, "scripts/list-sources.sh"), "tests"], check=True,
                               stdout=subprocess.PIPE, text=True).stdout.splitlines()
        for line in lines:
            path = os.path.join(folder, "tests", line.split()[0])
            with open(path, "w") as file:
                file.write(program)
            os.chmod(path, 0o755)
        return run(folder, 1)


def sound():
    code, output = run_fake(SOUND)
    counts = re.search(r"^(\d+) kills, (\d+) commits, (\d+) snapshots checked", output, re.M)
    passed = int(re.search(r"^(\d+) passed, 0 failed$", output, re.M)[1])
    runs = int(counts[1]) // 3  # also those that were cut when the time was up
    return code == 0 and runs >= passed > 0 and counts[0].startswith(
        f"{3 * runs} kills, {7 * runs} commits, {2 * runs} snapshots checked")


def faulty(program):
    code, output = run_fake(program)
    replay = re.search(r"^replay: \S+/tests/\S+ --seed \d+ --scale 1 --filter one$", output, re.M)
    return code == 1 and replay is not None


def hanging():
    code, output = run_fake(HANGING)
    return code == 1 and output.endswith("0 passed, 0 failed\n")  # nothing was shown


def real():
    code, output = run(os.environ["COPSE_BUILD_DIR"], 15)
    print(output)
    return code == 0


def main():
    cases = [("sound", sound), ("faulty", lambda: faulty(FAULTY)), ("dying", lambda: faulty(DYING)),
             ("hanging", hanging)]
    if os.environ.get("COPSE_TEST_TIER", "check") != "check" and "COPSE_BUILD_DIR" in os.environ:
        cases.append(("a short run", real))
    failed = 0
    for name, case in cases:
        good = case()
        print(("ok   " if good else "FAIL ") + name)
        failed += not good
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
