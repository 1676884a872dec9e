#!/usr/bin/env python3
"""copse of a user who may only read: get, scan, stat, maps and dump observe by themselves."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli"))
import harness  # noqa: E402
from harness import BUILD, Result, encode, main, new_path, new_store, run, skip, test  # noqa: E402

NOBODY = 65534


def tool_for_others():
    """A copy of the tool and its libraries where everybody can reach it."""
    os.chmod(harness.places.shm, 0o755)
    folder = new_path("tool")
    os.mkdir(folder)
    for name in ("copse", "libcopse.so.0", "html/libcopse-html.so.0"):
        if os.path.exists(os.path.join(BUILD, name)):
            shutil.copy(os.path.join(BUILD, name), folder)
    os.chmod(folder, 0o755)
    return folder


def observe(folder, *arguments, code=0):
    if os.geteuid() != 0 or os.environ.get("COPSE_EXE_WRAPPER"):
        skip("this process cannot become another user")
    environment = dict(os.environ, LD_LIBRARY_PATH=folder)
    command = [encode(a) for a in (os.path.join(folder, "copse"),) + arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=environment, user=NOBODY, group=NOBODY,
                          extra_groups=[], timeout=harness.WAIT_SECONDS)
    result = Result(command, done.returncode, done.stdout.decode(), done.stderr.decode())
    assert done.returncode == code, f"expected exit code {code}: {result!r}"
    return result


def bytes_of(store):
    return {end: open(store + end, "rb").read() for end in ("", "-readers", "-writers")}


@test
def reading_without_write_permission():
    folder, store = tool_for_others(), new_store("m")
    run("load", store, "m", data="".join(f"{i:05d}\t{i}\n" for i in range(5000)))
    for end in ("", "-readers", "-writers"):
        os.chmod(store + end, 0o444)
    before = bytes_of(store)
    assert observe(folder, "get", store, "m", "00042").out == "42\n"
    lines = observe(folder, "scan", store, "m").out.splitlines()
    assert lines == [f"{i:05d}\t{i}" for i in range(5000)]
    stat = json.loads(observe(folder, "stat", "--json", store).out)
    assert stat["maps"] == 1 and stat["version"] > 1, stat
    assert json.loads(observe(folder, "stat", "--json", store, "m").out)["records"] == 5000
    assert "5000 records" in observe(folder, "maps", store).out
    dumped = observe(folder, "dump", store).out
    assert dumped == run("dump", store).out
    assert bytes_of(store)[""] == before[""]
    assert "may be seen" not in dumped
    # What it may not says why.
    assert "PERMISSION" not in observe(folder, "get", store, "m", "none", code=1).err
    assert "observer" in observe(folder, "readers", store, code=3).err
    assert "ermission" in observe(folder, "put", store, "m", "a", "b", code=3).err


@test
def no_permission_at_all():
    folder, store = tool_for_others(), new_store("m")
    os.chmod(store, 0o600)
    result = observe(folder, "get", store, "m", "a", code=3)
    assert store in result.err and "ermission" in result.err, result
    os.chmod(store, 0o644)
    os.chmod(store + "-writers", 0o600)
    os.chmod(store + "-readers", 0o444)
    result = observe(folder, "get", store, "m", "a", code=3)
    assert store + "-writers" in result.err, result


if __name__ == "__main__":
    sys.exit(main())
