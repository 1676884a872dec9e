"""Two builds of the library at once on one store: the one that was built here, and one of a later day,
made from the same sources with the other compiler, other options, another version and features that
the first one does not know.

Both are driven by one small program, which finds the one or the other by LD_LIBRARY_PATH.
"""
import concurrent.futures
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from harness import (BUILD, SOURCE, WAIT_SECONDS, main, new_path, read_line, skip, test)

DRIVER = r"""
#include <copse/copse.h>
#include <stdio.h>
#include <string.h>
static struct copse_store *store;
static struct copse_map *map;
static struct copse_txn *txn;
static struct copse_snapshot *snapshot;

static int look(const char *key) {
  struct copse_bytes found;
  int r = snapshot ? copse_snapshot_refresh(snapshot) : copse_snapshot_open(store, 0, &snapshot);
  if (r >= 0) r = copse_get(copse_snapshot_view(snapshot), map, key, strlen(key), &found);
  if (r == 0) printf("%.*s ", (int)found.size, (const char *)found.data);
  return r;
}

static int sound(void) {
  struct copse_check found;
  int r = copse_check_store(store, -1, NULL, NULL, NULL, &found);
  if (r == 0) printf("%llu ", (unsigned long long)found.errors);
  return r;
}

int main(int argc, char **argv) {
  struct copse_store_options options = {.flags = argc > 2 ? COPSE_READ_ONLY : COPSE_CREATE};
  char what[16], key[2000], value[2000];
  int n;
  setvbuf(stdout, NULL, _IOLBF, 0);
  int r = copse_store_open(argv[1], &options, &store);
  if (r == 0) r = copse_map_ensure(store, "m", NULL, -1, &map);
  printf("%s %s %s\n", copse_version(), copse_error_name(r), r ? copse_error_detail() : "");
  while (r == 0 && (n = scanf("%15s %1999s %1999s", what, key, value)) == 3) {
    int s = COPSE_E_ARGUMENT;
    if (!strcmp(what, "begin")) s = copse_txn_begin(store, -1, &txn);
    if (!strcmp(what, "put")) s = copse_put(txn, map, key, strlen(key), value, strlen(value), 0);
    if (!strcmp(what, "commit")) s = copse_txn_commit(txn, NULL);
    if (!strcmp(what, "get")) s = look(key);
    if (!strcmp(what, "wait")) s = copse_wait(store, map, copse_snapshot_version(snapshot), -1, NULL);
    if (!strcmp(what, "check")) s = sound();
    printf("%s\n", copse_error_name(s));
  }
  if (snapshot) copse_snapshot_close(snapshot);
  if (map) copse_map_close(map);
  return r || copse_store_close(store);
}
"""
FEATURE = {"compat": "FORMAT_COMPAT", "write": "FORMAT_READ_COMPAT", "read": "FORMAT_INCOMPAT"}
KNOWING = ("store.c", "create.c")  # what is compiled anew for each
LATER = "77.0.0"
builds = {}  # features, or None: folder of libcopse.so.0


def compiler():
    here = os.environ.get("CC", "cc")
    other = "gcc" if "clang" in here else "clang"
    return other if shutil.which(other) else here


def compile_all(folder, sources, *options):
    """Objects of the library's sources, by their paths; compiled two at a time."""
    command = [compiler(), "-std=gnu17", "-O1", "-fPIC", "-fvisibility=hidden", "-D_GNU_SOURCE",
               f'-DCOPSE_VERSION_STRING="{LATER}"', "-I", os.path.join(SOURCE, "include"),
               "-I", os.path.join(SOURCE, "src"), *options]
    os.makedirs(folder)

    def compile_one(path):
        object_file = os.path.join(folder, path.replace("/", "-") + ".o")
        subprocess.run(command + ["-c", os.path.join(SOURCE, path), "-o", object_file], check=True)
        return path, object_file

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return dict(pool.map(compile_one, sources))


def make_builds():
    if builds:
        return
    if os.environ.get("COPSE_EXE_WRAPPER") or "b_sanitize" in open(
            os.path.join(BUILD, ".plan"), encoding="utf-8").read():
        skip("not for a cross build or under a sanitizer")
    sources = subprocess.run([os.path.join(SOURCE, "scripts/list-sources.sh"), "library"], check=True,
                             stdout=subprocess.PIPE, text=True).stdout.split()
    place = new_path("builds", disk=True)
    common = compile_all(os.path.join(place, "objects"), sources)
    knowing = [path for path in sources if os.path.basename(path) in KNOWING]
    for feature, macro in FEATURE.items():
        objects = dict(common)
        folder = os.path.join(place, feature)
        objects.update(compile_all(os.path.join(folder, "objects"), knowing, f"-D{macro}=0x40u"))
        subprocess.run([compiler(), "-shared", "-pthread", "-Wl,-soname,libcopse.so.0", "-o",
                        os.path.join(folder, "libcopse.so.0"), *objects.values()], check=True)
        builds[feature] = folder
    with open(os.path.join(place, "driver.c"), "w", encoding="utf-8") as file:
        file.write(DRIVER)
    builds["driver"] = os.path.join(place, "driver")
    subprocess.run(["cc", "-o", builds["driver"], os.path.join(place, "driver.c"), "-I",
                    os.path.join(SOURCE, "include"), os.path.join(BUILD, "libcopse.so")], check=True)
    builds[None] = BUILD


class Party:
    """A process that uses one of the builds."""

    def __init__(self, feature, path, *read_only):
        make_builds()
        self.process = subprocess.Popen(
            [builds["driver"], path, *read_only], bufsize=0, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env=dict(os.environ, LD_LIBRARY_PATH=builds[feature]))
        self.version, self.result, *detail = read_line(self.process.stdout).split(" ", 2)
        self.detail = " ".join(detail).strip()
        assert (self.version == LATER) == (feature is not None), self.version

    def tell(self, what, key="-", value="-"):
        self.process.stdin.write(f"{what} {key} {value}\n".encode())

    def answer(self):
        return read_line(self.process.stdout).strip()

    def do(self, what, key="-", value="-"):
        self.tell(what, key, value)
        return self.answer()

    def put(self, key, value):
        assert [self.do("begin"), self.do("put", key, value), self.do("commit")] == ["COPSE_OK"] * 3

    def has(self, key, value):
        found = self.do("get", key)
        assert found == f"{value} COPSE_OK", found

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=WAIT_SECONDS) == 0

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def refused(path, sentence, *read_only):
    party = Party(None, path, *read_only)
    party.process.stdin.close()
    assert party.result == "COPSE_E_VERSION" and sentence in party.detail, party.detail
    party.process.wait()


def take_turns(first, second):
    for i in range(50):
        first.put("turn", f"{i}a")
        second.has("turn", f"{i}a")
        second.put(f"key{i}", "v" * (1 + i * 37))  # small values and large ones
        second.put("turn", f"{i}b")
        first.has(f"key{i}", "v" * (1 + i * 37))
        first.has("turn", f"{i}b")
    second.tell("wait")
    first.put("turn", "last")
    assert second.answer() == "COPSE_OK"
    second.has("turn", "last")
    for party in first, second:
        assert party.do("check") == "0 COPSE_OK"


@test
def both_write_and_read_by_turns():
    for disk in False, True:
        for maker in None, "compat":
            path = new_path("store", disk)
            first = Party(maker, path)
            second = Party("compat" if maker is None else None, path)
            assert first.result == second.result == "COPSE_OK", second.detail
            take_turns(first, second)
            first.end()
            take_turns(Party(maker, path), second)  # one that came later
            second.end()


@test
def one_takes_over_from_the_other_that_was_killed():
    for dies in None, "compat":
        path = new_path("store")
        lives = Party("compat" if dies is None else None, path)
        lives.put("k", "1")
        dead = Party(dies, path)
        assert dead.do("begin") == dead.do("put", "k", "2") == "COPSE_OK"
        dead.kill()
        lives.has("k", "1")
        lives.put("l", "3")
        assert lives.do("check") == "0 COPSE_OK"
        lives.end()


@test
def who_cannot_write_may_read_beside_who_can():
    path = new_path("store")
    later = Party("write", path)
    later.put("k", "1")
    refused(path, "has features (40) that this library can only read: open it read-only")
    reader = Party(None, path, "read-only")
    assert reader.result == "COPSE_OK", reader.detail
    reader.has("k", "1")
    later.put("k", "2")
    reader.has("k", "2")
    reader.end()
    later.end()


@test
def who_cannot_read_is_refused_and_disturbs_nobody():
    path = new_path("store")
    later = Party("read", path)
    later.put("k", "1")
    for mode in [], ["read-only"]:
        refused(path, "has format 1 (features 40); this library reads up to format 1", *mode)
        later.put("k", "2")
    again = Party("read", path)
    again.has("k", "2")
    assert again.do("check") == "0 COPSE_OK"
    again.end()
    later.end()


main()
