#!/usr/bin/env python3
"""copse create, maps, get, put, del, scan: single records, forms of keys and values, exit codes."""
import json
import math
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli"))
from harness import main, new_path, new_store, out, random_bytes, run, test  # noqa: E402

QUOTE = "quote { u64 time_ns; f64 bid; f64 ask; i32 size[2]; text symbol[8]; }"


@test
def create_says_what_is_there():
    store = new_path("store")
    run("create", store)
    assert "exists" in run("create", store, code=3).err
    run("create", store, "--if-missing")
    run("create", store, "titles")
    assert "titles" in run("create", store, "titles", code=3).err
    run("create", store, "titles", "--if-missing")
    run("create", store, "titles", "--if-missing", "--key", "u64", code=3)
    run("create", store, "--key", "u64", code=2)
    assert out("maps", store) == "titles\tbytes\tbytes\t0 records\n"
    made = new_path("store")
    run("create", made, "first", "--value-size", "16")  # creates the store too
    assert out("maps", made) == "first\tbytes\t16 bytes\t0 records\n"


@test
def creation_options_reach_the_store():
    store = new_path("store")
    run("create", store, "--max-bytes", "8M", "--mode", "600", "--slow-reader", "refuse",
        "--slow-reader-bytes", "1M", "--durability", "none")
    assert os.stat(store).st_mode & 0o777 == 0o600
    stat = json.loads(out("stat", "--json", store))
    assert stat["max_bytes"] == 8 << 20 and stat["durability"] == "none", stat
    for bad in (["--max-bytes", "8X"], ["--mode", "9"], ["--durability", "maybe"],
                ["--slow-reader"], ["--no-such-option"], ["-Z"]):
        run("create", new_path("store"), *bad, code=2)


@test
def maps_tell_kinds_and_layouts():
    store = new_store(("q", "--key", "u64", "--layout", QUOTE), "plain")
    line, plain = out("maps", store).splitlines()
    assert line == "plain\tbytes\tbytes\t0 records" and plain.startswith("q\tu64\tquote {")
    rows = [json.loads(row) for row in out("maps", "--json", store).splitlines()]
    assert [row["name"] for row in rows] == ["plain", "q"]
    assert rows[1]["key"] == "u64" and rows[1]["layout"] == QUOTE
    assert out("maps", "--names", store) == "plain\nq\n"


@test
def arenas_are_made_shown_and_removed():
    store, copy = new_path("store"), new_path("copy")
    run("create", store, "points", "--arena", "--value-size", "24")
    run("create", store, "pairs", "--arena", "--layout", "pair { f64 x; f64 y; }")
    run("create", store, "points", "--arena", "--value-size", "24", "--if-missing")
    assert "already" in run("create", store, "points", "--arena", "--value-size", "24", code=3).err
    assert "size" in run("create", store, "other", "--arena", code=2).err
    assert "no keys" in run("create", store, "other", "--arena", "--value-size", "8", "--key", "u64",
                            code=2).err
    assert out("maps", store) == ("pairs\tslot\tpair { f64 x; f64 y; }\t0 records\n"
                                  "points\tslot\t24 bytes\t0 records\n")
    run("stat", store, "points")
    run("get", store, "points", "0", code=1)
    assert "an arena" in run("put", store, "points", "0", "1" * 24, code=3).err
    for how in (["copy"], ["copy", "--seal"], ["compact"]):
        run(*how, store, copy)
        assert out("maps", copy) == out("maps", store)
        run("rm", copy)
    run("rm", store, "points")
    assert out("maps", "--names", store) == "pairs\n"


@test
def names_of_maps_may_be_anything():
    name = "a\tb\\c é\x1b[2J"
    store = new_store(name)
    shown = out("maps", "--names", store)
    assert shown == "a\\tb\\\\c é\\x1b[2J\n", repr(shown)
    run("put", store, name, "k", "v")
    assert out("get", store, name, "k") == "v\n"
    assert "there is no map" in run("get", store, "nothing", "k", code=3).err


@test
def get_put_del():
    store = new_store("m")
    run("get", store, "m", "k", code=1)
    run("put", store, "m", "k", "v")
    assert out("get", store, "m", "k") == "v\n"
    assert out("get", "--raw", store, "m", "k") == "v"
    assert out("get", "--json", store, "m", "k") == '{"key":"k","value":"v"}\n'
    assert out("del", store, "m", "k") == "1 record deleted\n"
    run("del", store, "m", "k", code=1)
    run("put", store, "m", "", "")
    assert out("get", store, "m", "") == "\n"
    run("put", store, "m", "--", "-k", "-v")
    assert out("scan", store, "m") == "\t\n-k\t-v\n"


@test
def conditions():
    store = new_store("m")
    run("put", "--replace", store, "m", "k", "1", code=1)
    run("put", "--insert", store, "m", "k", "1")
    run("put", "--insert", store, "m", "k", "2", code=1)
    run("put", "--expect", "2", store, "m", "k", "3", code=1)
    run("put", "--expect=1", store, "m", "k", "3")
    run("put", "-R", store, "m", "k", "4")
    assert out("get", store, "m", "k") == "4\n"
    run("del", "--expect", "3", store, "m", "k", code=1)
    run("del", "--expect", "4", store, "m", "k")
    run("get", store, "m", "k", code=1)
    run("put", "--insert", "--replace", store, "m", "k", "1", code=2)


@test
def forms_read_back(rng):
    store = new_store("m")
    seen = {}
    for _ in range(40):
        key, value = random_bytes(rng, 60), random_bytes(rng, 200).replace(b"\0", b"0")
        raw = b"\0" not in key
        run("put", "--hex", store, "m", "--", key.hex(), value.hex())
        seen[key] = value
        assert bytes.fromhex(out("get", "--hex", store, "m", "--", key.hex())) == value
        shown = run("scan", store, "m", "--hex", "--from", key.hex(), "--to", key.hex(),
                    "--to-inclusive").out
        assert shown == f"{key.hex()}\t{value.hex()}\n"
        escaped, text = run("scan", store, "m", text=False).out.splitlines()[
            sorted(seen).index(key)].split(b"\t")
        assert all(c >= 0x20 and c != 0x7f for c in escaped + text)
        assert run("get", store, "m", "--", escaped, text=False).out == text + b"\n"
        run("put", store, "m", "--", escaped, text)
        assert run("get", "--hex", store, "m", "--", key.hex()).out == value.hex() + "\n"
        if raw:
            assert run("get", "--raw", store, "m", "--", key, text=False).out == value
    records = [json.loads(line) for line in out("scan", "--json", store, "m").splitlines()]
    again = {back(r["key"]): back(r["value"]) for r in records}
    assert again == seen and [back(r["key"]) for r in records] == sorted(seen)


def back(value):
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value.encode()


@test
def terminals_are_safe():
    store = new_store("m")
    for data in ("\x1b[2J", "\u202e", "\u0085", "\u2066", "\x7f"):
        run("put", "--raw", store, "m", data, data)
    shown = out("scan", store, "m")
    assert not any(c in shown for c in "\x1b\u202e\u0085\u2066\x7f"), repr(shown)
    for evil in ("\x1b[2J", "\u0085", "\u202e"):
        for arguments in (["get", store, evil, "k"], ["maps", new_path(evil)]):
            assert evil not in run(*arguments, code=3).err


@test
def bad_forms_are_refused():
    store = new_store("m", ("n", "--key", "u64"), ("fixed", "--value-size", "4"))
    for bad in ("\\", "\\q", "\\x4", "\\xg0"):
        assert "copse: put: " in run("put", store, "m", bad, "v", code=2).err
        run("put", store, "m", "k", bad, code=2)
    for bad in ("0", "0g"):
        run("put", "--hex", store, "m", bad, "00", code=2)
    for bad in ("", "x", "1.0", "18446744073709551616", "+1"):
        run("put", store, "n", bad, "v", code=2)
    run("put", store, "fixed", "k", "12345", code=2)
    run("put", store, "fixed", "k", "1234")
    run("put", store, "m", "k" * 1025, "v", code=2)
    run("put", store, "m", "k" * 1024, "v")


@test
def numbers_as_keys():
    store = new_store(("n", "--key", "u64"))
    for key in (0, 9, 10, 2**63, 2**64 - 1):
        run("put", store, "n", key, f"v{key}")
    assert out("scan", store, "n", "--keys-only").split() == ["0", "9", "10", str(2**63),
                                                             str(2**64 - 1)]
    assert out("scan", store, "n", "--from", "9", "--to", "10", "--keys-only") == "9\n"
    assert out("scan", store, "n", "--from", "10", "--reverse", "--limit", "1", "--keys-only") == \
        f"{2**64 - 1}\n"
    assert json.loads(out("get", "--json", store, "n", 2**64 - 1))["key"] == 2**64 - 1
    run("scan", store, "n", "--prefix", "1", code=2)


@test
def ranges():
    store = new_store("m")
    keys = ["a", "ab", "abc", "b", "ba", "c"]
    for key in keys:
        run("put", store, "m", key, key.upper())

    def scan(*options):
        return out("scan", store, "m", "--keys-only", *options).split()
    assert scan() == keys and scan("--reverse") == keys[::-1]
    assert scan("--prefix", "ab") == ["ab", "abc"]
    assert scan("--prefix", "ab", "--reverse") == ["abc", "ab"]
    assert scan("--from", "ab", "--to", "ba") == ["ab", "abc", "b"]
    assert scan("--from", "ab", "--to", "ba", "--to-inclusive") == ["ab", "abc", "b", "ba"]
    assert scan("--limit", "2") == ["a", "ab"] and scan("-n0") == []
    assert scan("--from", "d") == [] and scan("--from", "d", "--reverse") == []
    assert out("del", store, "m", "--prefix", "ab") == "2 records deleted\n"
    assert out("del", "--json", store, "m", "b", "nope", "c") == '{"deleted":2}\n'
    assert scan() == ["a", "ba"]
    run("del", store, "m", code=2)
    run("del", store, "m", "a", "--all", code=2)
    run("del", store, "m", "--all", "-q")
    assert scan() == []
    run("del", store, "m", "--all", code=1)


ALL_KINDS = ("all { u8 a; i8 b; u16 c; i16 d; u32 e; i32 f; u64 g; i64 h; f32 i; f64 j; "
             "text k[6]; bytes l[3]; u8 m; pad n[6]; c32 o; c64 p; u16 q[3]; f32 r[2]; c32 s[2]; "
             "i8 t; bytes u; }")


@test
def records_of_all_kinds():
    store = new_store(("m", "--layout", ALL_KINDS))
    record = {"a": 255, "b": -128, "c": 65535, "d": -32768, "e": 2**32 - 1, "f": -2**31,
              "g": 2**64 - 1, "h": -2**63, "i": 0.1, "j": 0.1, "k": "abé", "l": "00ff7f", "m": 1,
              "o": [1.5, -2], "p": [1e300, "nan"], "q": [1, 2, 3], "r": ["inf", "-inf"],
              "s": [[1, 2], [3, 4]], "t": -1, "u": "ab"}
    run("put", store, "m", "k", json.dumps(record))
    assert json.loads(out("get", store, "m", "k")) == record
    packed = bytes.fromhex(out("get", "--hex", store, "m", "6b"))
    assert packed[:2] == b"\xff\x80" and packed[2:6] == struct.pack("<Hh", 65535, -32768)
    assert struct.unpack_from("<f", packed, 30)[0] == struct.unpack("<f", struct.pack("<f", 0.1))[0]
    assert struct.unpack_from("<d", packed, 34)[0] == 0.1
    for name, bad in [("a", 256), ("a", -1), ("b", 128), ("b", -129), ("g", 2**64), ("h", 2**63),
                      ("h", -2**63 - 1), ("a", 1.5), ("a", "1"), ("a", None), ("i", 1e39),
                      ("j", "x"), ("k", "toolong"), ("k", "a\0b"), ("k", 1), ("l", "00"),
                      ("l", "zz0000"), ("o", [1]), ("o", [1, 2, 3]), ("o", 1), ("q", [1, 2]),
                      ("q", [1, 2, 3, 4]), ("n", 0), ("zz", 0)]:
        wrong = run("put", store, "m", "k", json.dumps({**record, name: bad}), code=2)
        assert name in wrong.err, wrong
    for name in record:
        less = {k: v for k, v in record.items() if k != name}
        assert f"field {name} is missing" in run("put", store, "m", "k", json.dumps(less),
                                                 code=2).err
    for text in ("", "{", "[1]", "1", "{} {}", '{"a":1,"a":2}', "{'a':1}", "nan"):
        run("put", store, "m", "k", text, code=2)
    assert json.loads(out("get", store, "m", "k")) == record


@test
def records_keep_every_bit(rng):
    """Random bytes in a record, shown as JSON and typed again, are the same bytes."""
    layout = "r { f64 a; f32 b[2]; text c[5]; bytes d[4]; i16 e; u8 f; c64 g; }"
    size = 44
    store = new_store(("m", "--layout", layout))
    special = [b"\0" * 8, struct.pack("<d", -0.0), struct.pack("<d", math.nan),
               b"\1\0\0\0\0\0\xf0\x7f", b"\0\0\0\0\0\0\xf8\xff", struct.pack("<d", 5e-324),
               struct.pack("<d", 1.7976931348623157e308)]
    for i in range(25):
        data = bytearray(rng.randbytes(size))
        data[:8] = rng.choice(special) if i % 2 else data[:8]
        if i % 3 == 0:
            data[16:21] = rng.choice([b"abcde", b"ab\0\0\0", b"\0\0\0\0\0", "aé".encode() + b"\0\0"])
        run("put", "--hex", store, "m", f"{i:02x}", data.hex())
        shown = out("get", "--hex", store, "m", f"{i:02x}").strip()
        assert shown == data.hex()
        key = f"\\x{i:02x}"
        text = out("get", store, "m", key)
        json.loads(text)
        run("put", store, "m", "copy", text.strip())
        assert out("get", "--hex", store, "m", b"copy".hex()).strip() == data.hex(), text


@test
def values_from_files():
    store = new_store("m", ("r", "--layout", "p { i32 x; i32 y; }"))
    path = new_path("value")
    data = bytes(range(256)) * 1000
    with open(path, "wb") as file:
        file.write(data)
    run("put", store, "m", "k", "--file", path)
    assert run("get", "--raw", store, "m", "k", text=False).out == data
    run("put", store, "m", "s", "--file", "-", data=b"from a pipe\n")
    assert out("get", "--raw", store, "m", "s") == "from a pipe\n"
    run("put", store, "r", "p", "--file", "-", data='{"x": 1, "y": -1}\n')
    assert json.loads(out("get", store, "r", "p")) == {"x": 1, "y": -1}
    run("put", store, "m", "k", "--file", path + "-nothing", code=3)
    run("put", store, "m", "k", "v", "--file", path, code=2)
    run("put", store, "m", "k", code=2)


@test
def errors_name_what_and_why():
    missing = new_path("nowhere")
    for command in (["maps"], ["stat"], ["check"], ["readers"], ["top", "--once"], ["sync"], ["rm"]):
        wrong = run(*command, missing, code=3)
        assert wrong.err.startswith(f"copse: {command[0]}: {missing}: "), wrong
    text = new_path("text")
    with open(text, "w") as file:
        file.write("This is no store. " * 1000)
    assert "not a Copse store" in run("maps", text, code=3).err
    run("no-such-command", code=2)
    run("get", code=2)
    run("get", "a", "b", "c", "d", code=2)
    run("scan", missing, "m", "--hex", "--raw", code=2)


@test
def rm_removes():
    store = new_store("a", "b")
    run("put", store, "a", "k", "v")
    run("rm", store, "a")
    assert out("maps", "--names", store) == "b\n"
    run("rm", store, "a", code=3)
    run("rm", "--force", store, "a")
    run("rm", store)
    assert not [f for f in os.listdir(os.path.dirname(store))
                if f.startswith(os.path.basename(store))]
    run("rm", store, code=3)
    run("rm", "-f", store)


if __name__ == "__main__":
    sys.exit(main())
