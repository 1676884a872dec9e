#!/usr/bin/env python3
"""copse import: SQLite tables and directories. Python's own sqlite3 module is the second opinion."""
import json
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli"))
from harness import check_sound, main, new_path, new_store, out, run, skip, test  # noqa: E402

try:
    import sqlite3
except ImportError:
    sqlite3 = None


def database(*statements, rows=()):
    if sqlite3 is None:
        skip("this Python has no sqlite3")
    path = new_path("db")
    with sqlite3.connect(path) as db:
        for statement in statements:
            db.execute(statement)
        for statement, values in rows:
            db.executemany(statement, values)
    db.close()
    return path


def scanned(store, name):
    return [json.loads(line) for line in out("scan", "--json", store, name).splitlines()]


@test
def rowid_tables():
    path = database("CREATE TABLE t (a TEXT, b REAL, c BLOB, d)", rows=[
        ("INSERT INTO t VALUES (?,?,?,?)", [(f"é{i}", i / 8, bytes([i, 255]), None if i % 2 else i)
                                            for i in range(200)])])
    store = new_path("store")
    assert out("import", store, "m", "t", "--sqlite", path) == "200 records imported\n"
    assert out("maps", store) == "m\tu64\tbytes\t200 records\n"
    rows = scanned(store, "m")
    assert [row["key"] for row in rows] == list(range(1, 201))
    assert json.loads(rows[3]["value"]) == {"a": "é3", "b": 0.375, "c": {"hex": "03ff"}, "d": None}
    check_sound(store)


@test
def primary_keys():
    path = database(
        "CREATE TABLE words (word TEXT PRIMARY KEY, n INTEGER)",
        "CREATE TABLE blobs (id BLOB PRIMARY KEY, n) WITHOUT ROWID",
        "CREATE TABLE numbers (n INT, id INTEGER PRIMARY KEY)",
        "CREATE TABLE pairs (a TEXT, b INTEGER, c, PRIMARY KEY (b, a)) WITHOUT ROWID",
        "CREATE TABLE reals (r REAL PRIMARY KEY)",
        'CREATE TABLE "odd ""name\'" ("a ""col" TEXT PRIMARY KEY)',
        rows=[("INSERT INTO words VALUES (?,?)", [("b", 2), ("a", 1), ("é", 3)]),
              ("INSERT INTO blobs VALUES (?,?)", [(b"\0\xff", 1), (b"", 2)]),
              ("INSERT INTO numbers VALUES (?,?)", [(1, 10), (2, 9), (3, 2**63 - 1)]),
              ("INSERT INTO pairs VALUES (?,?,?)", [("x,\"", 2, 1), ("y", 1, 2)]),
              ("INSERT INTO reals VALUES (?)", [(0.5,), (10,)]),
              ('INSERT INTO "odd ""name\'" VALUES (?)', [("k",)])])
    store = new_path("store")

    def keys(table):
        run("import", store, table, table, "--sqlite", path)
        return [row["key"] for row in scanned(store, table)]
    assert keys("words") == ["a", "b", "é"]
    assert keys("blobs") == ["", {"hex": "00ff"}]
    assert keys("numbers") == [9, 10, 2**63 - 1]
    assert sorted(keys("pairs")) == ['[1,"y"]', '[2,"x,\\""]']
    assert keys("reals") == ["0.5", "10"]
    assert keys("odd \"name'") == ["k"]
    assert json.loads(scanned(store, "odd \"name'")[0]["value"]) == {'a "col': "k"}
    run("import", store, "by-n", "words", "--sqlite", path, "--key-column", "n")
    assert [row["key"] for row in scanned(store, "by-n")] == ["1", "2", "3"]
    run("import", store, "by-n64", "words", "--sqlite", path, "--key-column", "n", "--key", "u64")
    assert [row["key"] for row in scanned(store, "by-n64")] == [1, 2, 3]


@test
def rows_as_records():
    path = database("CREATE TABLE q (id INTEGER PRIMARY KEY, bid REAL, size INT, sym TEXT, raw BLOB,"
                    " other TEXT)", rows=[
                        ("INSERT INTO q VALUES (?,?,?,?,?,?)",
                         [(i, i / 10, -i, f"s{i}", struct.pack("<I", i), "x") for i in range(50)])])
    store = new_path("store")
    layout = "q { f64 bid; i32 size; text sym[8]; bytes raw[4]; }"
    run("import", store, "q", "q", "--sqlite", path, "--key", "u64", "--layout", layout)
    assert scanned(store, "q")[7] == {"key": 7, "value": {"bid": 0.7, "size": -7, "sym": "s7",
                                                          "raw": "07000000"}}
    wrong = run("import", store, "r", "q", "--sqlite", path, "--key", "u64",
                "--layout", "q { f64 bid; f64 nothing; }", code=3)
    assert "nothing" in wrong.err
    wrong = run("import", store, "s", "q", "--sqlite", path, "--key", "u64",
                "--layout", "q { i8 size; text sym[1]; }", code=2)
    assert "row 1:" in wrong.err and "sym" in wrong.err, wrong


@test
def rows_that_do_not_fit():
    path = database("CREATE TABLE t (k INTEGER PRIMARY KEY, v INT)",
                    "CREATE TABLE n (k TEXT PRIMARY KEY, v INT)",
                    rows=[("INSERT INTO t VALUES (?,?)", [(-1, 1), (0, 2), (1, 3)]),
                          ("INSERT INTO n VALUES (?,?)", [("a", 1), ("k" * 1025, 2), (None, 3)])])
    store = new_path("store")
    wrong = run("import", store, "t", "t", "--sqlite", path, code=2)
    assert "t: row 1: " in wrong.err and "--key bytes" in wrong.err, wrong
    run("import", store, "t", "t", "--sqlite", path, "--skip-bad", code=2)
    assert [row["key"] for row in scanned(store, "t")] == [0, 1]
    run("import", store, "tb", "t", "--sqlite", path, "--key", "bytes")
    assert [row["key"] for row in scanned(store, "tb")] == ["-1", "0", "1"]
    wrong = run("import", store, "n", "n", "--sqlite", path, "--skip-bad", code=2)
    assert "NULL" in wrong.err and "1025 bytes" in wrong.err and "1 record" in wrong.out, wrong
    for arguments in (["nothing"], ["t", "--key-column", "nothing"]):
        assert "no such" in run("import", store, "x", "--sqlite", path, *arguments, code=3).err
    run("import", store, "x", "t", "--sqlite", path + "-nothing", code=3)
    run("import", store, "x", "--sqlite", path, code=2)
    run("import", store, "x", code=2)


@test
def keep_and_batches():
    path = database("CREATE TABLE t (k TEXT PRIMARY KEY, v)",
                    rows=[("INSERT INTO t VALUES (?,?)", [(f"{i:04}", i) for i in range(1000)])])
    store = new_store("m")
    run("put", store, "m", "0500", "mine")
    result = json.loads(out("import", "--json", store, "m", "t", "--sqlite", path, "--keep",
                            "--batch", "100"))
    assert result == {"records": 999, "kept": 1, "left_out": 0, "complete": True}, result
    assert out("get", store, "m", "0500") == "mine\n"
    run("import", store, "m", "t", "--sqlite", path, "--sync")
    assert json.loads(out("get", store, "m", "0500")) == {"k": "0500", "v": 500}


@test
def directories():
    root = new_path("tree")
    files = {"a": b"", "b.bin": bytes(range(256)) * 300, "b/c/d": b"deep", "b/é": b"name",
             "b-x": b"between", "z\n": b"newline"}
    for name, data in files.items():
        os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
        with open(os.path.join(root, name), "wb") as file:
            file.write(data)
    os.symlink("a", os.path.join(root, "link"))
    os.mkfifo(os.path.join(root, "pipe"))
    for given in (root, root + "/"):
        store = new_path("store")
        done = run("import", store, "files", "--directory", given)
        assert done.out == "6 records imported\n" and done.err.count("left out") == 2, done
        for name, data in files.items():
            assert run("get", "--raw", store, "files", name, text=False).out == data, name
        check_sound(store)
    run("import", store, "files", "--directory", root + "/a", code=3)
    run("import", store, "files", "--directory", root + "/nothing", code=3)
    run("create", store, "n", "--key", "u64")
    run("import", store, "n", "--directory", root, code=2)
    run("create", store, "fixed", "--value-size", "4")
    wrong = run("import", store, "fixed", "--directory", root, "--skip-bad", code=2)
    assert out("scan", store, "fixed", "--keys-only") == "b/c/d\nb/é\n", wrong


if __name__ == "__main__":
    sys.exit(main())
