"""What the tests of the command-line tool share: running it, stores of their own, counting.

A test file is a list of functions marked @test, run in the order of the file by main(). Each
is one test in the closing line "N passed, N failed". A test that lacks a program or package
of somebody else's calls skip().
"""
import ctypes
import os
import random
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

SOURCE = os.environ.get("COPSE_SOURCE_DIR") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("COPSE_BUILD_DIR") or os.path.join(SOURCE, "build")
TOOL = shlex.split(os.environ.get("COPSE_EXE_WRAPPER", "")) + [os.path.join(BUILD, "copse")]
WAIT_SECONDS = 60  # until something that must happen counts as not happening

tests = []


class Skip(Exception):
    pass


def test(function):
    tests.append(function)
    return function


def skip(why):
    raise Skip(why)


def library():
    """libcopse in this process, for what the tool does not do."""
    path = os.path.join(BUILD, "libcopse.so")
    loads = [sys.executable, "-c", "import ctypes, sys; ctypes.CDLL(sys.argv[1])", path]
    if subprocess.run(loads, stderr=subprocess.DEVNULL, check=False).returncode != 0:
        skip("this build of the library does not load into Python: a sanitizer must come first")
    return ctypes.CDLL(path)


def need(program):
    if shutil.which(program) is None:
        skip(f"{program} is not installed")


class Result:
    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err

    def __repr__(self):
        return (f"{' '.join(map(str, self.command[-8:]))}: exit code {self.code}\n"
                f"out: {self.out[:2000]!r}\nerr: {self.err[:2000]!r}")


def encode(argument):
    return argument if isinstance(argument, bytes) else str(argument).encode()


def run(*arguments, data=None, code=0, text=True):
    """Runs copse; code: the exit code it must have, None: any."""
    command = [encode(a) for a in TOOL] + [encode(a) for a in arguments]
    if isinstance(data, str):
        data = data.encode()
    done = subprocess.run(command, input=data if data is not None else b"",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=WAIT_SECONDS)
    out = done.stdout.decode() if text else done.stdout
    result = Result(command, done.returncode, out, done.stderr.decode("utf-8", "replace"))
    assert code is None or done.returncode == code, f"expected exit code {code}: {result!r}"
    # No error is without a message; that of a bare "copse" is the help.
    assert done.returncode not in (2, 3) or result.err.startswith("copse: ") or not arguments, \
        repr(result)
    return result


def out(*arguments, **options):
    """Standard output of a run that must succeed."""
    return run(*arguments, **options).out


def start(*arguments, **options):
    """A copse that goes on running."""
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    options.setdefault("bufsize", 0)  # so that read_line() and finish() can take turns
    return subprocess.Popen([encode(a) for a in TOOL] + [encode(a) for a in arguments], **options)


def read_line(stream):
    """The next line that a process writes, as text; it must come in time."""
    line = b""
    while not line.endswith(b"\n"):
        assert select.select([stream], [], [], WAIT_SECONDS)[0], f"waited for a line; got {line!r}"
        byte = stream.read(1)
        assert byte, f"the output ended; got {line!r}"
        line += byte
    return line.decode()


def finish(process, code=0):
    stdout, stderr = process.communicate(timeout=WAIT_SECONDS)
    result = Result(process.args, process.returncode, stdout.decode(), stderr.decode())
    assert code is None or process.returncode == code, f"expected exit code {code}: {result!r}"
    return result


def until(condition, what):
    """Waits for something that another process is about to do."""
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end, f"waited {WAIT_SECONDS} s for {what}"
        time.sleep(0.01)


class Places:
    """Folders for the files of the tests, removed at the end."""

    def __init__(self):
        self.shm = tempfile.mkdtemp(prefix="cli-", dir=os.environ.get("COPSE_TEST_SHM", "/dev/shm"))
        self.disk = tempfile.mkdtemp(prefix="cli-", dir=os.environ.get("COPSE_TEST_DISK"))
        self.count = 0

    def path(self, name, disk=False):
        self.count += 1
        return os.path.join(self.disk if disk else self.shm, f"{self.count}-{name}")

    def remove(self):
        shutil.rmtree(self.shm, ignore_errors=True)
        shutil.rmtree(self.disk, ignore_errors=True)


places = None


def new_path(name="file", disk=False):
    return places.path(name, disk)


def new_store(*maps):
    """A store with maps, each (name, option, ...) or a name."""
    path = new_path("store")
    run("create", path)
    for each in maps:
        each = (each,) if isinstance(each, str) else each
        run("create", path, *each)
    return path


def check_sound(store):
    run("check", "--quiet", store)


def random_bytes(rng, most):
    """Bytes of all kinds: text, binary, with tabs, newlines, backslashes, NUL."""
    size = rng.choice([0, 1, 2, rng.randrange(most), rng.randrange(most)])
    kind = rng.randrange(4)
    if kind == 0:
        return rng.randbytes(size)
    if kind == 1:
        return bytes(rng.choice(b"\t\n\r\\\0x\xff\xc3\xa9\x7f \"'{}[],:a") for _ in range(size))
    if kind == 2:
        return "".join(rng.choice("aé€😀\u202e\u0085\ufeffzÿ") for _ in range(size)).encode()[:most]
    return bytes(rng.choice(b"abcdefghijklmnopqrstuvwxyz/0123456789") for _ in range(size))


def main():
    global places
    if not os.path.exists(TOOL[-1]):
        sys.exit(f"{TOOL[-1]} is not there: build first")
    places = Places()
    seed = int(os.environ.get("COPSE_TEST_SEED") or time.time_ns() % 2**32)
    print(f"seed {seed}", flush=True)
    passed = failed = skipped = 0
    only = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        for function in tests:
            name = function.__name__
            if only and name not in only:
                continue
            try:
                takes_rng = function.__code__.co_argcount == 1
                function(*([random.Random(seed)] if takes_rng else []))
            except Skip as why:
                skipped += 1
                print(f"skip {name}: {why}", flush=True)
            except Exception:
                failed += 1
                print(f"FAIL {name}", flush=True)
                traceback.print_exc(file=sys.stdout)
            else:
                passed += 1
                print(f"ok   {name}", flush=True)
    finally:
        places.remove()
    tail = f", {skipped} skipped" if skipped else ""
    print(f"{passed} passed, {failed} failed{tail}", flush=True)
    return 1 if failed else 0
