#!/usr/bin/env python3
"""What README.md tells its readers to type works: each line of each block of code is run, with
other paths, or known to be run by another test."""
import os
import re
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli"))
from harness import (BUILD, SOURCE, TOOL, finish, main, new_path, out, read_line, run,  # noqa: E402
                     skip, start, test)

TEXT = open(os.path.join(SOURCE, "README.md"), encoding="utf-8").read()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.M | re.S)


def lines():
    """The lines to type, without their comments."""
    for language, block in BLOCKS:
        if not language:
            for line in block.splitlines():
                if re.match(r"(make|cc|copse|mdb_dump|build/)", line):
                    yield re.sub(r"\s+#.*", "", line)


def typed(*beginnings):
    return [line for line in lines() if line.startswith(beginnings)]


@test
def every_line_is_run_here():
    """None is left that no test below would notice."""
    known = typed("make ", "cc ", "copse ", "mdb_dump ", "build/examples/")
    assert sorted(known) == sorted(lines()) and len(known) > 20


@test
def targets_exist():
    names = {name for line in typed("make ") for name in shlex.split(line)[1:] if "=" not in name}
    names |= set(re.findall(r"`make ([a-z-]+)`", TEXT))
    assert {"demo", "test", "install", "bench", "bench-quick"} <= names, names
    for name in names:
        subprocess.run(["make", "-n", name], cwd=SOURCE, check=True, stdout=subprocess.DEVNULL)


@test
def the_program_compiles_and_runs():
    if len(TOOL) > 1 or "b_sanitize" in open(os.path.join(BUILD, ".plan")).read():
        skip("not for a cross build or under a sanitizer")
    (program,) = [block for language, block in BLOCKS if language == "c"]
    folder = new_path("hello")
    os.mkdir(folder)
    assert "/dev/shm/hello" in program
    with open(os.path.join(folder, "hello.c"), "w", encoding="utf-8") as file:
        file.write(program.replace("/dev/shm/hello", os.path.join(folder, "store")))
    (line,) = typed("cc ")
    flags = f"-I{shlex.quote(SOURCE)}/include -L{shlex.quote(BUILD)} -lcopse"
    line = line.replace("$(pkg-config --cflags --libs copse)", flags)
    assert flags in line, line
    subprocess.run(line, shell=True, cwd=folder, check=True)
    program = subprocess.run("./hello", cwd=folder, env={**os.environ, "LD_LIBRARY_PATH": BUILD},
                             stdout=subprocess.PIPE, check=True)
    assert program.stdout == b"hello\n"


@test
def the_tool_does_what_is_shown():
    store, folder = new_path("market"), new_path("folder")
    os.mkdir(folder)
    told, made = "", ("backup.copse", "today.copse", "changes", "data.copse", "results", "all.npy")
    os.mkdir(os.path.join(folder, "results"))
    with open(os.path.join(folder, "results/1.txt"), "w", encoding="ascii") as file:
        file.write("1 0\n0 1\n")
    for line in typed("copse "):
        words = shlex.split(line.replace("/dev/shm/market", store))[1:]
        words = [os.path.join(folder, word) if word in made else word for word in words]
        if words[0] == "watch":
            watcher = start(*words)
            read_line(watcher.stderr)
            run("put", store, "quotes", "8", '{"time_ns": 2, "bid": 2.5, "ask": 2.6}')
            assert "\t8\t" in read_line(watcher.stdout)
            watcher.terminate()
            finish(watcher, 130)
        elif words[0] == "top":
            told += out(*words, "--once")
        else:
            told += run(*words).out
    assert "1.5" in told and "sound" in told and "commits" in told, told
    run("diff", store, os.path.join(folder, "backup.copse"))


@test
def the_stream_by_hand():
    if len(TOOL) > 1:
        skip("the tool runs under a wrapper")
    store = new_path("stream")
    producer = None
    try:
        for line in typed("build/examples/"):
            words = shlex.split(line.replace("build/", BUILD + "/", 1)) + ["--store", store]
            if producer is None:
                assert "stream-producer" in line
                producer = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                continue
            done = subprocess.run(words + ["--seconds", "0.5"], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=60)
            assert done.returncode == 0, (line, done.stdout)
    finally:
        producer.terminate()
        producer.wait()
    run("rm", store)


@test
def a_pipe_from_lmdb():
    """What mdb_dump writes is loaded in test_cli_load; here only that the options are right."""
    piped = [line.split("|")[1].strip() for line in typed("mdb_dump ")]
    assert piped and all(line.startswith("copse load STORE") for line in piped), piped
    for line in piped:
        out(*shlex.split(line)[1:], "--help")
    for command in set(re.findall(r"`copse ([a-z]+)", TEXT)):
        out(command, "--help")


if __name__ == "__main__":
    sys.exit(main())
