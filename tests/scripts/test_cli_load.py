#!/usr/bin/env python3
"""copse load and dump: tsv, JSON Lines, and LMDB's own mdb_dump and mdb_load in both directions."""
import json
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli"))
from harness import (check_sound, main, need, new_path, new_store, out, random_bytes, run,  # noqa: E402
                     test)

QUOTE = "quote { u64 time_ns; f64 bid; i32 size[2]; text symbol[8]; }"


def records(store, name):
    """All records of a byte map as a list of pairs, by way of the hexadecimal form."""
    lines = out("scan", "--hex", store, name).split("\n")[:-1]
    return [tuple(bytes.fromhex(c) for c in line.split("\t")) for line in lines]


def fill(rng, store, name, count, most_key=300):
    """Loads random records; returns them as a sorted list of pairs."""
    pairs = {}
    while len(pairs) < count:
        pairs[random_bytes(rng, most_key)] = random_bytes(rng, 3000 if rng.random() < 0.1 else 60)
    items = list(pairs.items())
    rng.shuffle(items)
    lines = "".join(f"{k.hex()}\t{v.hex()}\n" for k, v in items)
    run("load", "--hex", store, name, data=lines)
    return sorted(pairs.items())


# --- tsv and jsonl ----------------------------------------------------------------------


@test
def load_creates_and_counts():
    store = new_path("store")
    assert out("load", store, "m", data="b\t2\na\t1\n") == "2 records loaded\n"
    assert out("scan", store, "m") == "a\t1\nb\t2\n"
    assert out("load", store, "m", data="c\t3") == "1 record loaded\n"
    result = json.loads(out("load", "--json", store, "m", "--keep", data="a\tnew\nd\t4\n"))
    assert result == {"records": 1, "kept": 1, "bad": 0, "lines": 2, "maps": 1, "complete": True}
    assert out("scan", store, "m") == "a\t1\nb\t2\nc\t3\nd\t4\n"
    assert out("load", "-q", store, "m", data="") == ""
    run("load", store, "n", "--key", "u64", data="10\tx\n9\ty\n")
    assert out("scan", store, "n") == "9\ty\n10\tx\n"
    run("load", store, "n", "--key", "bytes", data="10\tx\n", code=3)
    check_sound(store)


@test
def tsv_and_jsonl_round_trip(rng):
    store = new_store("a", "b\t\\x", ("empty", "--key", "u64"))
    expected = {name: fill(rng, store, name, 800) for name in ("a", "b\t\\x")}
    run("create", store, "q", "--key", "u64", "--layout", QUOTE)
    for key in (0, 1, 2**64 - 1):
        run("put", store, "q", key, json.dumps(
            {"time_ns": key, "bid": 0.1, "size": [key % 7, -1], "symbol": "é\""}))
    for style in (["--format", "tsv"], ["--format", "tsv", "--hex"], ["--format", "jsonl"]):
        dump = out("dump", store, *style)
        copy = new_path("store")
        if style[1] == "tsv":  # does not say what maps are
            for name, options in [("empty", ["--key", "u64"]),
                                  ("q", ["--key", "u64", "--layout", QUOTE])]:
                run("create", copy, name, *options)
        run("load", copy, *style, data=dump)
        for name, pairs in expected.items():
            assert records(copy, name) == pairs, (style, name)
        run("diff", store, copy)
        assert out("maps", store) == out("maps", copy)
        check_sound(copy)
    assert out("dump", "--json", store) == dump


@test
def one_map_leaves_its_name_out():
    store = new_store("m", "other")
    run("put", store, "m", "k", "v")
    assert out("dump", store, "m") == "k\tv\n"
    assert out("dump", store, "m", "other") == out("dump", store) == "m\tk\tv\n"
    lines = out("dump", "--format", "jsonl", store, "m").splitlines()
    assert list(map(json.loads, lines)) == [{"define": {"key": "bytes"}}, {"key": "k", "value": "v"}]
    run("load", store, "renamed", "--format", "jsonl", data="\n".join(lines))
    assert out("scan", store, "renamed") == "k\tv\n"
    run("load", store, "--format", "jsonl", data="\n".join(lines), code=2)


@test
def scan_loads_back():
    store = new_store(("m", "--key", "u64", "--layout", QUOTE))
    run("put", store, "m", 5, '{"time_ns":1,"bid":2,"size":[3,4],"symbol":"x"}')
    for option, style in ((None, "tsv"), ("--json", "jsonl")):
        text = out("scan", store, "m", *([option] if option else []))
        run("load", store, "copy-" + style, "--format", style, "--key", "u64", "--layout", QUOTE,
            data=text)
        assert out("scan", store, "copy-" + style) == out("scan", store, "m")


@test
def bad_lines_are_named():
    for style, good, bad, word in [
            ("tsv", "k{}\tv", "no tab", "tab"),
            ("tsv", "k{}\tv", "k\tv\tw", "columns"),
            ("tsv", "k{}\tv", "k\\\tv", "backslash"),
            ("tsv", "k{}\tv", "k" * 1025 + "\tv", "1025 bytes"),
            ("jsonl", '{{"key":"k{}","value":"v"}}', '{"key":"k"}', "value"),
            ("jsonl", '{{"key":"k{}","value":"v"}}', '{"key":"k","value":1}', "number"),
            ("jsonl", '{{"key":"k{}","value":"v"}}', '{"key":"k","value":"v"', "position"),
            ("jsonl", '{{"key":"k{}","value":"v"}}', '{"key":"k","value":"v","x":1}', '"x"'),
            ("jsonl", '{{"key":"k{}","value":"v"}}', "[]", "object")]:
        lines = [good.format(i) for i in range(10)]
        lines[6:6] = [bad]
        data = "\n".join(lines) + "\n"
        store = new_path("store")
        wrong = run("load", store, "m", "--format", style, data=data, code=2)
        assert "standard input:7: " in wrong.err and word in wrong.err, wrong
        assert "6 records loaded before line 7" in wrong.err, wrong
        assert out("scan", store, "m").count("\n") == 6
        wrong = run("load", store, "all", "--format", style, "--batch", "0", data=data, code=2)
        assert "nothing was loaded" in wrong.err, wrong
        assert out("maps", "--names", store) == "m\n"
        wrong = run("load", store, "skip", "--format", style, "--skip-bad", data=data, code=2)
        assert "standard input:7: " in wrong.err, wrong
        assert "10 records loaded, 1 bad line passed over" in wrong.out, wrong
        assert out("scan", store, "skip").count("\n") == 10


@test
def bad_records_are_named():
    store = new_store(("q", "--key", "u64", "--layout", QUOTE))
    good = '7\t{"time_ns":1,"bid":2,"size":[3,4],"symbol":"x"}\n'
    for bad, word in [("x\t{}", "key"), ('8\t{"time_ns":1}', "field bid is missing"),
                      ("8\tnot json", "JSON"), ('8\t{"time_ns":-1}', "time_ns")]:
        wrong = run("load", store, "q", data=good + bad + "\n", code=2)
        assert "standard input:2: " in wrong.err and word in wrong.err, wrong
    assert "mdb" in run("load", store, "m", data="VERSION=3\n", code=2).err
    assert "MAP" in run("load", store, data="k\tv\n", code=2).err


@test
def files_are_read():
    store, path = new_path("store"), new_path("file")
    with open(path, "w") as file:
        file.write("".join(f"{i:06}\t{i}\n" for i in range(20000)))
    assert out("load", store, "m", "--file", path, "--sync") == "20,000 records loaded\n"
    assert out("scan", store, "m", "--reverse", "-n1") == "019999\t19999\n"
    run("load", store, "m", "--file", path + "-nothing", code=3)
    wrong = run("load", store, "m", "--file", path, "--format", "jsonl", code=2)
    assert f"{path}:1: " in wrong.err
    check_sound(store)


@test
def batches_are_transactions():
    store = new_store("m")
    lines = "".join(f"{i}\t{i}\n" for i in range(1000))

    def version():
        return json.loads(out("stat", "--json", store))["version"]
    for batch, commits in ((100, 10), (999, 2), (1, 1000), (0, 1)):
        before = version()
        run("load", store, "m", "--batch", batch, data=lines)
        assert version() - before == commits, (batch, version() - before)


@test
def sorted_input_is_dense(rng):
    """Appending fills pages: less space than the same records in random order take."""
    lines = [f"{i:012}\t{'x' * 40}\n" for i in range(30000)]
    sizes = {}
    for order in ("sorted", "random"):
        if order == "random":
            rng.shuffle(lines)
        store = new_path("store")
        run("load", store, "m", data="".join(lines))
        sizes[order] = json.loads(out("stat", "--json", store, "m"))["leaf_bytes"]
        check_sound(store)
    assert sizes["sorted"] < sizes["random"], sizes
    assert sizes["sorted"] < 30000 * (12 + 40) * 1.2, sizes


@test
def sorted_input_goes_on_behind_what_is_there():
    store = new_store("m")
    for start in (0, 2000, 1000, 500):  # behind, and in between
        run("load", store, "m", "--batch", "100",
            data="".join(f"{i:06}\t{start}\n" for i in range(start, start + 1500)))
    values = [line.split("\t") for line in out("scan", store, "m").splitlines()]
    assert [int(k) for k, _ in values] == list(range(3500))
    assert all(v == ("500" if 500 <= int(k) < 2000 else "1000" if 1000 <= int(k) < 2500 else
                     "2000" if int(k) >= 2000 else "0") for k, v in values)
    check_sound(store)


@test
def mutated_input_is_loaded_or_refused(rng):
    """Whatever the input: an exit code of the tool's own, and a sound store."""
    store = new_store("a", ("n", "--key", "u64"), ("q", "--layout", QUOTE))
    run("load", store, "a", "--hex", data="".join(
        f"{random_bytes(rng, 20).hex()}\t{random_bytes(rng, 40).hex()}\n" for _ in range(30)))
    run("put", store, "n", 7, "v")
    run("put", store, "q", "k", '{"time_ns":1,"bid":1e-7,"size":[3,-4],"symbol":"x\\u00e9"}')
    dumps = {style: run("dump", store, "--format", style, text=False).out
             for style in ("tsv", "jsonl", "mdb")}
    pieces = [b"\n", b"\t", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\0", b"\xff", b"-",
              b"e999", b"=", b"99999999999999999999", b"\\u12", b"\\x", b" ", b"DATA=END\n",
              b"HEADER=END\n", b'{"define":{"layout":"x"}}', b"nan", b"[" * 100]
    target = new_path("target")
    for i in range(90):
        style = ("tsv", "jsonl", "mdb")[i % 3]
        data = bytearray(dumps[style])
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(data))
            data[at:at + rng.choice([0, 1, 1, 5, 200])] = rng.choice(pieces + [rng.randbytes(2)])
        if rng.random() < 0.2:
            del data[rng.randrange(len(data)):]
        options = ["--skip-bad"] if rng.random() < 0.5 else []
        done = run("load", target, "--format", style, *options, data=bytes(data), code=None)
        assert done.code in (0, 2, 3), done
    check_sound(target)


# --- LMDB -------------------------------------------------------------------------------


def mdb(program, *arguments, data=None):
    done = subprocess.run([program, *arguments], input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 0, (program, done)
    return done.stdout


def environment():
    path = new_path("env")
    os.mkdir(path)
    return path


def sections(dump):
    """{name: (flags, [(key, value)])} of a bytevalue dump, read independently of copse."""
    result, header, data = {}, {}, None
    for line in dump.decode().split("\n")[:-1]:
        if line == "HEADER=END":
            data = []
        elif line == "DATA=END":
            flags = {k: v for k, v in header.items() if k in ("integerkey", "duplicates", "dupsort")}
            result[header.get("database")] = (flags, list(zip(data[::2], data[1::2])))
            header, data = {}, None
        elif data is not None:
            data.append(bytes.fromhex(line[1:]))
        else:
            name, _, value = line.partition("=")
            header[name] = value
    return result


def plain(pairs):
    """LMDB takes keys of 1 to 511 bytes."""
    return [(k, v) for k, v in pairs if 0 < len(k) <= 511]


@test
def lmdb_to_copse_and_back(rng):
    need("mdb_load")
    origin = new_store("alpha", "b c", ("ints", "--key", "u64"))
    expected = {name: plain(fill(rng, origin, name, 500)) for name in ("alpha", "b c")}
    numbers = sorted([rng.randrange(2**64) for _ in range(50)] + [0, 1, 255, 256, 2**32, 2**64 - 1])
    run("load", origin, "ints", data="".join(f"{n}\tv{n}\n" for n in numbers))
    run("del", "--raw", origin, "alpha", "", code=None)
    run("del", "--raw", origin, "b c", "", code=None)
    for style in ([], ["--print"]):
        env, store, again = environment(), new_path("store"), environment()
        mdb("mdb_load", env, data=run("dump", origin, "--format", "mdb", *style, text=False).out)
        dump = mdb("mdb_dump", "-a", env)
        got = sections(dump)
        for name, pairs in expected.items():
            assert got[name] == ({}, pairs), name
        flags, pairs = got["ints"]
        assert flags == {"integerkey": "1"}
        assert pairs == [(struct.pack("<Q", n), b"v%d" % n) for n in numbers]
        run("load", store, "--format", "mdb", data=dump)
        run("diff", origin, store)
        check_sound(store)
        mdb("mdb_load", again, data=run("dump", store, "--format", "mdb", text=False).out)
        assert sections(mdb("mdb_dump", "-a", again)) == got


@test
def lmdb_print_form(rng):
    """mdb_dump -p, of data without backslashes, which some versions leave as they are."""
    need("mdb_load")
    env, store, binary = environment(), new_path("store"), new_path("store")
    origin = new_store("db")
    pairs = {rng.randbytes(rng.randrange(1, 40)).replace(b"\\", b"/"):
             rng.randbytes(rng.randrange(80)).replace(b"\\", b"/") for _ in range(300)}
    run("load", "--hex", origin, "db",
        data="".join(f"{k.hex()}\t{v.hex()}\n" for k, v in pairs.items()))
    mdb("mdb_load", env, data=run("dump", origin, "--format", "mdb", text=False).out)
    run("load", store, "--format", "mdb", data=mdb("mdb_dump", "-a", "-p", env))
    run("load", binary, "--format", "mdb", data=mdb("mdb_dump", "-a", env))
    assert records(store, "db") == records(binary, "db") == sorted(pairs.items())
    wrong = run("load", new_path("store"), "m", "--format", "mdb", code=2,
                data=b"VERSION=3\nformat=print\ntype=btree\nHEADER=END\n a\\zz\n v\nDATA=END\n")
    assert ":6: " in wrong.err and "without -p" in wrong.err, wrong


@test
def lmdb_main_database(rng):
    need("mdb_load")
    env, store, again = environment(), new_path("store"), environment()
    pairs = plain(sorted({random_bytes(rng, 100): random_bytes(rng, 100)
                          for _ in range(200)}.items()))
    origin = new_store("m")
    run("load", "--hex", origin, "m", data="".join(f"{k.hex()}\t{v.hex()}\n" for k, v in pairs))
    mdb("mdb_load", env,
        data=run("dump", origin, "m", "--main", "--format", "mdb", text=False).out)
    dump = mdb("mdb_dump", env)
    assert sections(dump) == {None: ({}, pairs)}
    run("load", store, "main", "--format", "mdb", data=dump)
    assert records(store, "main") == pairs
    assert "main database" in run("load", store, "--format", "mdb", data=dump, code=2).err
    mdb("mdb_load", again, data=run("dump", store, "main", "--main", "--format", "mdb",
                                    text=False).out)
    assert sections(mdb("mdb_dump", again)) == sections(dump)


@test
def lmdb_duplicates_are_refused_by_name():
    need("mdb_load")
    env = environment()
    mdb("mdb_load", env, data=b"VERSION=3\nformat=bytevalue\ndatabase=tags\ntype=btree\n"
        b"mapsize=1048576\nduplicates=1\ndupsort=1\nHEADER=END\n 61\n 31\n 61\n 32\nDATA=END\n")
    mdb("mdb_load", env, data=b"VERSION=3\nformat=bytevalue\ndatabase=words\ntype=btree\n"
        b"mapsize=1048576\nHEADER=END\n 61\n 31\nDATA=END\n")
    dump = mdb("mdb_dump", "-a", env)
    assert sections(dump)["tags"][0], "LMDB says that the database has duplicates"
    store = new_path("store")
    wrong = run("load", store, "--format", "mdb", data=dump, code=2)
    assert "'tags'" in wrong.err and "dup" in wrong.err, wrong
    run("load", store, "--format", "mdb", "--skip-bad", data=dump, code=2)
    assert out("maps", "--names", store) == "words\n" and out("get", store, "words", "a") == "1\n"


@test
def layouts_pass_through_the_mdb_format():
    store, copy = new_store(("q", "--key", "u64", "--layout", QUOTE),
                            ("fixed", "--value-size", "3")), new_path("store")
    run("put", store, "q", 5, '{"time_ns":1,"bid":2,"size":[3,4],"symbol":"x"}')
    run("put", store, "fixed", "k", "abc")
    dump = run("dump", store, "--format", "mdb", text=False).out
    run("load", copy, "--format", "mdb", data=dump)
    run("diff", store, copy)
    assert out("maps", store) == out("maps", copy)
    other = new_store(("q", "--key", "u64", "--layout", QUOTE.replace("bid", "ask")))
    assert "field" in run("load", other, "--format", "mdb", data=dump, code=3).err
    need("mdb_load")
    env = environment()
    mdb("mdb_load", env, data=dump)
    assert sections(mdb("mdb_dump", "-a", env))["q"][1][0][0] == struct.pack("<Q", 5)


@test
def damaged_mdb_dumps_are_refused():
    head = "VERSION=3\nformat=bytevalue\ndatabase=d\ntype=btree\nHEADER=END\n"
    for text, word in [
            ("VERSION=2\n", "version"), ("VERSION=3\nformat=odd\n", "odd"),
            ("VERSION=3\nrubbish\n", "name=value"), ("VERSION=3\n", "ends in a header"),
            (head, "before DATA=END"), (head + " 61\n", "before DATA=END"),
            (head + "61\n 62\nDATA=END\n", "space"), (head + " 6\n 62\nDATA=END\n", "odd number"),
            (head + " 6g\n 62\nDATA=END\n", "digit"), (head + " 61\n 62\n", "before DATA=END"),
            (head.replace("HEADER", "integerkey=1\nHEADER") + " 61\n 62\nDATA=END\n", "integer"),
            (head.replace("btree", "hash") + " 61\n 62\nDATA=END\n", "hash")]:
        wrong = run("load", new_path("store"), "--format", "mdb", data=text, code=2)
        assert word in wrong.err, (text, wrong)


if __name__ == "__main__":
    sys.exit(main())
