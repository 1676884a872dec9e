#!/usr/bin/env python3
"""copse beside other processes: watch, diff, readers, top, copy, check, migrate; being interrupted."""
import ctypes
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli"))
from harness import (TOOL, WAIT_SECONDS, check_sound, finish, library, main, new_path, new_store,  # noqa: E402
                     out, read_line, run, start, test, until)

POINT = "point { i32 x; f32 y; text name[4]; }"


def stat(store):
    return json.loads(out("stat", "--json", store))


def readers(store):
    return [json.loads(line) for line in out("readers", "--json", store).splitlines()]


def attached(store, process):
    """Waits until a process has a snapshot: then it has begun what it is to do."""
    until(lambda: any(r["pid"] == process.pid and r["version"] for r in readers(store)),
          "a process to open a snapshot")


def watch(*arguments):
    """A copse watch that has begun."""
    process = start("watch", *arguments)
    said = read_line(process.stderr)
    assert "from now on" in said, said
    return process


def feed(store, name, lines):
    """A load that is fed line by line, and so goes on as long as the test wants."""
    process = start("load", store, name, "--batch", "1", stdin=subprocess.PIPE)
    process.stdin.write(lines)
    process.stdin.flush()
    return process


# --- numbers ----------------------------------------------------------------------------


@test
def stat_counts():
    store = new_store("m")
    before = stat(store)
    run("load", store, "m", "--batch", "10", data="".join(f"{i}\t{i}\n" for i in range(100)))
    run("del", store, "m", "5")
    after = stat(store)
    assert after["version"] - before["version"] == 11, (before, after)
    assert after["commits"] - before["commits"] == 11 and after["puts"] - before["puts"] == 100
    assert after["deletes"] - before["deletes"] == 1 and after["maps"] == 1
    assert after["processes"] == 1 and after["file_bytes"] > 0 and after["used_bytes"] > 0
    text = dict(line.split(None, 1) for line in out("stat", store).splitlines())
    assert int(text["version"]) == after["version"] and set(text) == set(after)
    of_map = json.loads(out("stat", "--json", store, "m"))
    assert of_map["records"] == 99 and of_map["depth"] >= 1 and of_map["name"] == "m"
    assert of_map["key_bytes"] == sum(len(str(i)) for i in range(100)) - 1
    assert "m\tbytes\tbytes\t99 records" in out("stat", store, "m")


@test
def readers_are_seen():
    store = new_store("m")
    watcher = watch(store, "m")
    for i in range(5):
        run("put", store, "m", "k", f"{i}")
    while not read_line(watcher.stdout).endswith("\t4\n"):
        pass
    (reader,) = readers(store)
    assert reader["pid"] == watcher.pid and reader["alive"] and reader["snapshots"] >= 1, reader
    assert reader["command"] == os.path.basename(TOOL[0])[:15] or reader["command"], reader
    lines = out("readers", store).splitlines()
    assert len(lines) == 2 and lines[1].split()[0] == str(watcher.pid)
    assert len(out("readers", "--all", store).splitlines()) == 3
    watcher.send_signal(signal.SIGINT)
    finish(watcher, 130)
    until(lambda: readers(store) == [], "the watcher to be gone")


class Bytes(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_size_t)]


@test
def leases_are_seen():
    store = new_store("m")
    out("put", store, "m", "k", "a value")
    copse = library()
    handle, snapshot, map_, lease = (ctypes.c_void_p() for _ in range(4))
    value = Bytes()
    ref = ctypes.byref
    copse.copse_snapshot_view.restype = ctypes.c_void_p
    assert copse.copse_store_open(store.encode(), None, ref(handle)) == 0
    assert copse.copse_snapshot_open(handle, 0, ref(snapshot)) == 0
    view = ctypes.c_void_p(copse.copse_snapshot_view(snapshot))
    assert copse.copse_map_open(view, b"m", None, ref(map_)) == 0
    assert copse.copse_get(view, map_, b"k", ctypes.c_size_t(1), ref(value)) == 0
    assert copse.copse_lease_take(view, 2, ref(value), ref(lease)) == 0
    copse.copse_snapshot_close(snapshot)
    (reader,) = readers(store)
    assert reader["pid"] == os.getpid() and reader["leases"] == 1, reader
    assert reader["lease_bytes"] == 128 and reader["snapshots"] == 0, reader
    assert "1 lease on 128" in out("readers", store)
    seen = json.loads(out("stat", "--json", store))
    assert seen["leases"] == 1 and seen["lease_bytes"] == 128, seen
    copse.copse_lease_release(lease)
    assert json.loads(out("stat", "--json", store))["leases"] == 0
    copse.copse_map_close(map_)
    assert copse.copse_store_close(handle) == 0


@test
def top_for_programs():
    store = new_store("m")
    watcher = watch(store, "m")
    top = start("top", "--json", "--interval", "0.2", store)
    rows = [json.loads(read_line(top.stdout)) for _ in range(2)]
    while not rows[-1]["puts_per_s"]:
        run("put", store, "m", "k", "v")
        rows.append(json.loads(read_line(top.stdout)))
    top.send_signal(signal.SIGINT)
    finish(top, 0)
    row = rows[-1]
    assert row["commits_per_s"] > 0 and row["stat"]["version"] > 1
    assert watcher.pid in [r["pid"] for r in row["readers"]]
    for options in (["--once"], ["--count", "2"]):
        text = out("top", store, "--interval", "0.05", *options)
        assert text.count("commits ") == len(options) and "\033" not in text, text
        assert str(watcher.pid) in text
    watcher.terminate()
    finish(watcher, 130)


def on_terminal(arguments, keys, seconds=WAIT_SECONDS, until_seen=b""):
    """Runs copse on a terminal of its own; sends keys once something was seen."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(TOOL[0], [os.fsencode(a) for a in TOOL + arguments])
    seen, end, sent = b"", time.monotonic() + seconds, False
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                more = os.read(terminal, 65536)
            except OSError:
                break
            if not more:
                break
            seen += more
        if not sent and until_seen in seen:
            os.write(terminal, keys)
            sent = True
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return seen, os.waitstatus_to_exitcode(status)


@test
def top_on_a_terminal():
    store = new_store("m")
    seen, code = on_terminal(["top", store, "--interval", "0.05"], b"xq", until_seen=b"HELD")
    assert code == 0 and b"\033[H" in seen and b"commits" in seen and b"\033[J" in seen, (code, seen)
    seen, code = on_terminal(["top", store, "--interval", "0.05"], b"\x03", until_seen=b"HELD")
    assert code == 0, (code, seen)


# --- following --------------------------------------------------------------------------


@test
def watch_prints_changes():
    store = new_store("m", ("q", "--layout", POINT))
    run("put", store, "m", "old", "1")
    run("put", store, "m", "gone", "1")
    watcher = watch(store, "m", "--count", "4")
    lines = []
    for change in (["put", store, "m", "new\t", "é"], ["put", store, "m", "old", "2"],
                   ["del", store, "m", "gone"],
                   ["put", store, "q", "other", '{"x":1,"y":2,"name":"n"}'],
                   ["put", store, "m", "last", "x"]):
        run(*change)
        if "q" not in change:  # seen before the next: else both may come as one version
            lines.append(read_line(watcher.stdout).rstrip("\n").split("\t"))
    finish(watcher)
    assert [line[1:] for line in lines] == [["+", "new\\t", "é"], ["~", "old", "1", "2"],
                                            ["-", "gone", "1"], ["+", "last", "x"]], lines
    versions = [int(line[0]) for line in lines]
    assert versions == sorted(versions)


@test
def watch_follows_a_range_as_json():
    store = new_store(("q", "--key", "u64", "--layout", POINT))
    watcher = watch("--json", store, "q", "--from", "10", "--to", "20", "--count", "1")
    for key in (9, 20, 15):
        run("put", store, "q", key, '{"x":1,"y":0.1,"name":"ab"}')
    (line,) = finish(watcher).out.splitlines()
    change = json.loads(line)
    version = change.pop("version")
    assert version > 1 and change == {"change": "added", "key": 15,
                                      "after": {"x": 1, "y": 0.1, "name": "ab"}}, change


@test
def watch_ends_by_time_count_and_drop():
    store = new_store("m", "n")
    done = run("watch", store, "m", "--quiet", "--timeout", "0.05", code=4)
    assert done.out == "" and done.err == "", done
    run("put", store, "m", "k", "v")
    initial = run("watch", store, "m", "--initial", "--timeout", "0.05", code=4).out
    assert initial.split("\t")[1:] == ["+", "k", "v\n"], initial
    assert out("watch", store, "m", "--initial", "--count", "1", "--keys-only").count("\t") == 2
    watcher = watch(store, "n")
    run("rm", store, "n")
    assert "no map" in finish(watcher, 3).err
    run("watch", store, "nothing", code=3)


@test
def watch_survives_being_stopped():
    store = new_store("m")
    watcher = watch(store, "m", "--count", "1")
    watcher.send_signal(signal.SIGSTOP)
    run("put", store, "m", "k", "v")
    watcher.send_signal(signal.SIGCONT)
    assert finish(watcher).out.split("\t")[1:] == ["+", "k", "v\n"]


@test
def combine_runs_until_it_is_interrupted():
    store = new_store("m")
    assert out("combine", "--once", store) == "0 batches applied\n"
    process = start("combine", "--json", store)
    assert "from now on" in read_line(process.stderr)
    run("put", store, "m", "a", "b")
    process.send_signal(signal.SIGINT)
    result = finish(process, 130)
    assert json.loads(result.out) == {"batches": 0}, result
    assert out("get", store, "m", "a") == "b\n"
    check_sound(store)


@test
def diff_of_two_stores():
    a, b = new_store("m", "same", "left", "kind"), new_store("m", "same", "right",
                                                             ("kind", "--key", "u64"))
    for store, pairs in ((a, "k\t1\nx\t1\ny\t1\n"), (b, "k\t1\nx\t2\nz\t1\n")):
        run("load", store, "m", data=pairs)
        run("load", store, "same", data=pairs[:4])
    run("put", a, "left", "k", "v")
    run("put", b, "right", "k", "v")
    expected = ["map-changed\tkind", "map-removed\tleft", "-\tleft\tk\tv", "~\tm\tx\t1\t2",
                "-\tm\ty\t1", "+\tm\tz\t1", "map-added\tright", "+\tright\tk\tv"]
    got = run("diff", a, b, code=1).out.splitlines()
    assert [line for line in got if "kind" not in line] == expected[1:], got
    assert "map-changed\tkind" in got
    assert run("diff", a, b, "m", "--keys-only", code=1).out.splitlines() == \
        ["~\tm\tx", "-\tm\ty", "+\tm\tz"]
    rows = [json.loads(line) for line in run("diff", "--json", a, b, "m", code=1).out.splitlines()]
    assert rows[0] == {"change": "changed", "map": "m", "key": "x", "before": "1", "after": "2"}
    assert run("diff", a, b, "m", "--to", "x", code=0).out == ""
    assert run("diff", "--brief", a, b, code=1).out == ""
    run("diff", a, b, "same")
    run("diff", a, b, "nothing", code=3)


@test
def diff_of_two_versions():
    store = new_store("m")
    run("load", store, "m", data="a\t1\nb\t1\nc\t1\n")
    process = start("diff", "--wait", store, "m")
    attached(store, process)
    run("load", store, "m", data="b\t2\nd\t1\n")
    lines = [line.split("\t")[1:] for line in finish(process, 1).out.splitlines()]
    assert lines == [["~", "b", "1", "2"], ["+", "d", "1"]], lines
    run("diff", "-w", store, "m", "--timeout", "0.05", code=4)
    run("diff", "-w", store, code=2)


# --- copies and migrations --------------------------------------------------------------


@test
def copy_is_consistent_beside_a_writer():
    """Each commit writes the same number under all keys: a copy never shows two numbers."""
    store = new_store("m", ("q", "--key", "u64", "--layout", POINT))
    run("put", store, "q", 7, '{"x":1,"y":2,"name":"n"}')
    keys = 500
    writer = start("load", store, "m", "--batch", keys, stdin=subprocess.PIPE)
    number = 0
    copies = []
    for _ in range(4):
        copy = new_path("copy")
        copier = start("copy", "--json", store, copy)
        while copier.poll() is None or number < 20:
            number += 1
            writer.stdin.write(b"".join(b"%04d\t%d\n" % (k, number) for k in range(keys)))
            writer.stdin.flush()
        summary = json.loads(finish(copier).out)
        copies.append((copy, summary))
    finish(writer)
    for copy, summary in copies:
        values = {line.split("\t")[1] for line in out("scan", copy, "m").splitlines()}
        assert len(values) <= 1, values
        count = out("scan", copy, "m").count("\n")
        assert count in (0, keys) and summary["records"] == count + 1, summary
        assert out("maps", copy).splitlines()[1] == out("maps", store).splitlines()[1]
        check_sound(copy)
    check_sound(store)


@test
def copy_and_compact_make_new_stores():
    store = new_store("m", ("empty", "--value-size", "8"))
    run("load", store, "m", data="".join(f"{i * 7919 % 10007}\tvalue {i}\n" for i in range(8000)))
    run("del", store, "m", "--from", "3", "--to", "9")
    for command, disk in (("copy", False), ("compact", True)):
        os.chmod(store, 0o640)
        target = new_path("target", disk)
        summary = out(command, store, target)
        assert "2 maps" in summary and "records" in summary, summary
        run("diff", store, target)
        assert out("maps", store) == out("maps", target)
        check_sound(target)
        assert stat(target)["max_bytes"] == stat(store)["max_bytes"]
        assert os.stat(target).st_mode & 0o777 == 0o640
        assert "exists" in run(command, store, target, code=3).err
    small = new_path("small")
    run("load", store, "m", data="".join(f"{i}\t{'v' * 100}\n" for i in range(20000)))
    run("copy", store, small, "--max-bytes", "1M", code=3)
    assert not os.path.exists(small), "what is not complete is removed"
    run("copy", store + "-nothing", new_path("target"), code=3)


@test
def sealed_copies_are_read_like_stores():
    store = new_store("m", ("empty", "--value-size", "8"))
    run("load", store, "m", data="".join(f"{i}\tvalue {i}\n" for i in range(8000)))
    target = new_path("target", True)
    summary = out("copy", "--seal", store, target)
    assert "2 maps" in summary and "8 000" in summary.replace(",", " "), summary
    assert not os.path.exists(target + "-readers") and not os.path.exists(target + "-writers")
    assert "exists" in run("copy", "--seal", store, target, code=3).err
    os.chmod(target, 0o444)
    run("diff", store, target)
    assert out("maps", store) == out("maps", target)
    assert out("get", target, "m", "77") == "value 77\n"
    assert out("scan", target, "m") == out("scan", store, "m")
    assert stat(target)["maps"] == 2
    run("check", target)
    for change in (("put", target, "m", "k", "v"), ("del", target, "m", "1"), ("sync", target)):
        assert "sealed" in run(*change, code=None).err
    run("put", store, "m", "1", "another")
    run("diff", store, target, code=1)
    again = new_path("again")
    run("copy", target, again)
    check_sound(again)
    assert out("scan", target, "m") == out("scan", again, "m")
    run("rm", target)
    assert not os.path.exists(target)


@test
def shrink_gives_storage_back():
    store = new_store("m")
    run("load", store, "m", data="".join(f"{i}\t{'v' * 5000}\n" for i in range(3000)))
    run("del", store, "m", "--from", "2")
    before = stat(store)
    done = json.loads(out("shrink", "--json", store))
    after = stat(store)
    assert done["after_bytes"] == after["storage_bytes"] < before["storage_bytes"] == done["before_bytes"]
    assert after["storage_bytes"] < after["file_bytes"] == before["file_bytes"], after
    assert out("get", store, "m", "1") == "v" * 5000 + "\n"
    run("load", store, "m", data="".join(f"{i}\t{'w' * 5000}\n" for i in range(3000)))
    check_sound(store)
    assert "became" in out("shrink", store) and out("shrink", "--quiet", store) == ""


@test
def changes_bring_copies_up_to_date():
    store = new_store("m", ("u", "--key", "u64"))
    run("load", store, "m", data="".join(f"{i}\tvalue {i}\n" for i in range(3000)))
    near, far, file = new_path("near"), new_path("far", True), new_path("changes")
    run("copy", "--seal", store, near)
    whole = run("copy", "--seal", store, "-", text=False)
    assert "version 0 to " in whole.err
    assert whole.out[:-40000] and run("apply", far, data=whole.out).out.startswith(far)
    for copy in (near, far):
        run("put", store, "m", "77", "other " + copy)
        run("put", store, "u", "5", "five")
        before = json.loads(run("apply", "--json", copy, "--finish").out)
        done = json.loads(out("copy", "--json", "--since", copy, store, file))
        assert done["since"] == before["version"] and done["version"] == stat(store)["version"]
        assert done["bytes"] == os.path.getsize(file) < 20000, done
        assert "exists" in run("copy", "--since", copy, store, file, code=3).err
        held = json.loads(out("apply", "--json", copy, file))
        assert held["version"] == done["version"] and held["timeline"] == before["timeline"]
        run("diff", store, copy)
        run("check", copy)
        again = run("apply", "--quiet", copy, "-", data=open(file, "rb").read())
        assert again.out == ""
        os.unlink(file)
    behind = str(stat(near)["version"])
    run("put", store, "m", "78", "more")
    stream = run("copy", "--quiet", "--since", behind, store, "-", text=False)
    assert stream.err == ""
    assert "changes" in run("apply", far, data=stream.out, code=3).err  # it is further on
    assert "end mark" in run("apply", near, data=stream.out[:-8], code=3).err
    run("apply", near, data=stream.out)
    run("diff", store, near)
    assert "live store" in run("apply", store, data=stream.out, code=3).err
    assert "live store" in run("copy", "--since", store, store, "-", code=3).err
    assert "since" in run("copy", "--since", "1000000", store, "-", code=3).err
    assert "--seal" in run("copy", store, "-", code=2).err
    assert "--finish" in run("apply", "--finish", near, file, code=2).err
    run("copy", "--since", near + "-nothing", store, file, code=3)
    run("apply", near, file, code=3)
    assert not os.path.exists(file)


@test
def migrate_rewrites():
    store = new_store(("q", "--key", "u64", "--layout", POINT))
    for key in (1, 2, 2**63):
        run("put", store, "q", key, json.dumps({"x": key % 100 - 50, "y": 0.5, "name": "abc"}))
    new = "point { text name[8]; f64 y; i64 x; u8 flag; text venue[4]; bytes b[2]; u8 zero; }"
    rows = json.loads(out("migrate", "--json", "--dry-run", store, "q", "--layout", new))
    assert not rows["changed"] and rows["records"] == 0
    before = stat(store)["version"]
    done = json.loads(out("migrate", "--json", store, "q", "--layout", new, "--default", "flag=7",
                          "--default", "venue=XETR", "-d", "b=00ff"))
    how = {f["field"]: f["how"] for f in done["fields"]}
    assert how == {"name": "widened", "y": "widened", "x": "widened", "flag": "default",
                   "venue": "default", "b": "default", "zero": "zero"}, how
    assert done["records"] == 3 and done["dropped"] == [] and stat(store)["version"] == before + 1
    assert json.loads(out("get", store, "q", 2**63)) == {
        "name": "abc", "y": 0.5, "x": 2**63 % 100 - 50, "flag": 7, "venue": "XETR", "b": "00ff",
        "zero": 0}
    text = out("migrate", store, "q", "--layout", "p { i64 z; f64 y; }", "--rename", "x=z")
    assert re.search(r"z\s+kept, from x", text) and re.search(r"venue\s+dropped", text), text
    assert json.loads(out("get", store, "q", 1)) == {"z": -49, "y": 0.5}
    assert "unchanged" in out("migrate", store, "q", "--layout", "p { i64 z; f64 y; }")
    assert out("maps", store) == "q\tu64\tp { i64 z; f64 y; }\t3 records\n"
    check_sound(store)


@test
def migrate_loses_nothing_in_silence():
    store = new_store(("q", "--layout", POINT), ("bytes", "--value-size", "4"), "any")
    run("put", store, "q", "k", '{"x":1,"y":2,"name":"n"}')
    kept = out("scan", store, "q")
    for layout in ("p { i16 x; }", "p { u32 x; }", "p { f32 x; }", "p { i32 y; }",
                   "p { text name[3]; }", "p { i32 x[2]; }", "p { bytes name[4]; }"):
        wrong = run("migrate", store, "q", "--layout", layout, code=2)
        assert "without losing" in wrong.err, wrong
    for option in (["--default", "x=1"], ["--default", "q=1"], ["--default", "new=x"],
                   ["--default", "new"], ["--rename", "x"], ["--rename", "x=q"]):
        run("migrate", store, "q", "--layout", "p { i32 x; i32 new; }", *option, code=2)
    run("migrate", store, "q", "--layout", "p { i16 x; }", "--default", "x=5")
    assert out("scan", store, "q") != kept and json.loads(out("get", store, "q", "k")) == {"x": 5}
    run("put", store, "bytes", "k", "\\x01\\x00\\x02\\x00")
    run("migrate", store, "bytes", "--layout", "p { i16 a; i16 b; }")
    assert json.loads(out("get", store, "bytes", "k")) == {"a": 1, "b": 2}
    run("put", store, "any", "k", "abc")
    before = stat(store)["version"]
    run("migrate", store, "any", "--layout", "p { i16 a; i16 b; }", code=3)
    run("migrate", store, "any", code=2)
    assert stat(store)["version"] == before and out("get", store, "any", "k") == "abc\n"
    check_sound(store)


@test
def check_finds_damage():
    store = new_path("store", disk=True)
    run("load", store, "m", data="".join(f"{i:08}\t{'v' * 100}\n" for i in range(5000)))
    report = json.loads(out("check", "--json", store))
    assert report["sound"] and report["faults"] == [] and report["records"] == 5000, report
    assert out("check", store).startswith("sound: 1 map, 5,000 records, ")
    with open(store, "r+b") as file:
        data = file.read()
        at = data.find(b"v" * 100, 20000)
        file.seek(at - 40)
        file.write(b"\xa5" * 40)
    result = run("check", "--json", store, code=None)
    assert result.code in (1, 3), result
    text = run("check", store, code=result.code)
    assert "fault: " in text.out or "damaged" in text.err, text


@test
def check_looks_into_documents():
    store = new_store("m")
    copse = library()
    handle, document = ctypes.c_void_p(), ctypes.c_void_p()
    assert copse.copse_store_open(store.encode(), None, ctypes.byref(handle)) == 0
    assert copse.copse_document_ensure(handle, b"page", ctypes.c_int64(-1),
                                       ctypes.byref(document)) == 0
    copse.copse_document_close(document)
    assert copse.copse_store_close(handle) == 0
    check_sound(store)
    run("put", store, "page.names", "unknown", "x")
    result = run("check", store, code=1)
    assert "fault: the map of names holds something else" in result.out, result


# --- being interrupted, and going away --------------------------------------------------


@test
def an_interrupted_load_says_what_is_there():
    store = new_store("m")
    process = feed(store, "m", b"".join(b"%d\tv\n" % i for i in range(10)))
    until(lambda: out("scan", store, "m").count("\n") == 10, "ten commits")
    process.send_signal(signal.SIGINT)
    done = finish(process, 130)
    assert "interrupted" in done.err and "10 records loaded" in done.err, done
    assert out("scan", store, "m").count("\n") == 10
    check_sound(store)


@test
def an_interrupted_whole_load_leaves_nothing():
    store = new_store("m")
    process = start("load", store, "m", "--batch", "0", stdin=subprocess.PIPE)
    process.stdin.write(b"k\tv\n")
    process.stdin.flush()
    until(lambda: stat(store)["writer_pid"] == process.pid, "the transaction to begin")
    process.send_signal(signal.SIGTERM)
    done = finish(process, 130)
    assert "nothing was loaded" in done.err, done
    assert out("scan", store, "m") == ""
    check_sound(store)


@test
def an_interrupted_copy_leaves_all_or_nothing():
    """Whenever the interrupt comes: the target is complete and the exit code 0, or it is not there."""
    store = new_path("store")
    run("load", store, "m", data="".join(f"{i:08}\t{'v' * 50}\n" for i in range(100000)))
    codes = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        target = new_path("target")
        process = start("copy", store, target)
        until(lambda: os.path.exists(target) or process.poll() is not None, "the copy to begin")
        process.send_signal(number)
        done = finish(process, None)
        codes.append(done.code)
        if done.code == 130:
            assert "removed again" in done.err and not os.path.exists(target), done
        else:
            assert done.code == 0 or done.code == -number, done  # a very early one kills
            if done.code == 0:
                run("diff", store, target)
    assert out("copy", store, new_path("target")) != "", codes
    check_sound(store)


@test
def a_full_store_says_so():
    store = new_path("store")
    lines = "".join(f"{i:08}\t{'v' * 200}\n" for i in range(100000))
    full = run("load", store, "m", "--max-bytes", "4M", "--batch", "10", data=lines, code=3)
    assert "max_bytes" in full.err, full
    count = int(re.search(r"([\d,]+) records loaded before line", full.err)[1].replace(",", ""))
    assert out("scan", store, "m", "--keys-only").count("\n") == count > 0
    check_sound(store)
    run("del", store, "m", "--all")
    run("put", store, "m", "k", "v")
    check_sound(store)


@test
def waiting_for_the_lock_has_an_end():
    store = new_store("m")
    holder = start("load", store, "m", "--batch", "0", stdin=subprocess.PIPE)
    holder.stdin.write(b"k\tv\n")
    holder.stdin.flush()
    until(lambda: stat(store)["writer_pid"] == holder.pid, "the lock to be held")
    late = run("put", store, "m", "a", "b", "--timeout", "0.1", code=4)
    assert "time limit" in late.err, late
    waiter = start("put", store, "m", "a", "b")
    until(lambda: any(r["pid"] == waiter.pid for r in readers(store)), "the second writer")
    waiter.send_signal(signal.SIGINT)
    finish(waiter, 130)
    waiter = start("put", store, "m", "a", "b")
    holder.kill()
    finish(holder, None)
    finish(waiter, 0)  # takes over from the dead
    assert out("scan", store, "m") == "a\tb\n"
    check_sound(store)


@test
def readers_of_the_output_may_go():
    store = new_path("store")
    run("load", store, "m", data="".join(f"{i:08}\t{'v' * 50}\n" for i in range(20000)))
    for arguments in (["scan", store, "m"], ["dump", store, "--format", "jsonl"],
                      ["diff", store, new_store("m")]):
        process = start(*arguments)
        read_line(process.stdout)
        process.stdout.close()
        process.stdout = None
        assert process.wait(WAIT_SECONDS) == 141, arguments
        assert process.stderr.read() == b"", arguments
        process.stderr.close()
    with open("/dev/full", "wb") as full:
        process = start("scan", store, "m", stdout=full)
        assert process.wait(WAIT_SECONDS) == 3
        assert b"No space left" in process.stderr.read()
        process.stderr.close()


@test
def progress_is_for_terminals():
    store = new_path("store")
    lines = "".join(f"{i:08}\t{'v' * 50}\n" for i in range(200000))
    quiet = run("load", store, "m", data=lines)
    assert quiet.err == "", quiet
    path = new_path("file")
    with open(path, "w") as file:
        file.write(lines)
    for options, expected in (([], True), (["--quiet"], False)):
        seen, code = on_terminal(["load", store, f"m{expected}", "--file", path, "--batch", "1",
                                  *options], b"")
        assert code == 0 and (b"\rload: " in seen) == expected, (options, seen[:500])


@test
def a_shortened_file_is_an_error_and_no_crash():
    store = new_path("store")
    run("load", store, "m", data="".join(f"{i:08}\t{'v' * 1000}\n" for i in range(5000)))
    watcher = watch(store, "m")
    os.truncate(store, 64 << 10)
    for command in (["scan", store, "m"], ["check", store], ["put", store, "m", "k", "v"]):
        done = run(*command, code=None)
        assert done.code in (1, 3) and done.err.startswith("copse: "), done
    watcher.kill()
    finish(watcher, None)


@test
def bench_measures_and_cleans_up():
    directory = os.path.dirname(new_path("x"))
    before = set(os.listdir(directory))
    rows = [json.loads(line) for line in
            out("bench", "--json", "--records", "2000", "--directory", directory).splitlines()]
    assert len(rows) >= 6 and all(row["per_second"] > 0 for row in rows), rows
    assert "put, random" in out("bench", "--records", "1000", new_path("bench"))
    assert set(os.listdir(directory)) == before
    run("bench", "--records", "0", code=2)


if __name__ == "__main__":
    sys.exit(main())
