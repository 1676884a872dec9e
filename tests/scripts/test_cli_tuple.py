#!/usr/bin/env python3
"""Maps of tuple keys: what is shown, typed, dumped, loaded and imported."""
import json
import os
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli"))
from harness import main, new_path, new_store, out, run, test  # noqa: E402

# The map's order; its encodings, from the vectors of the specification where these have them.
KEYS = [
    ("[]", ""),
    ("[null]", "00"),
    ('[{"hex":""}]', "0100"),
    ('[{"hex":"6461766500"}]', "016461766500ff00"),
    ('["F\u00d4O\\u0000bar"]', "0246c3944f00ff62617200"),
    ('["H"]', "024800"),
    ('["H","T",5]', "0248000254001505"),
    ('["H\\u0000"]', "024800ff00"),
    ('[[1,null,{"hex":"00"}]]', "05150100ff0100ff0000"),
    ("[-18446744073709551616]", "0bf6feffffffffffffffff"),
    ("[-18446744073709551615]", "0c0000000000000000"),
    ("[-9223372036854775808]", "0c7fffffffffffffff"),
    ("[-1]", "13fe"),
    ("[0]", "14"),
    ("[256]", "160100"),
    ("[18446744073709551615]", "1cffffffffffffffff"),
    ("[18446744073709551616]", "1d09010000000000000000"),
    ('[{"double":"-inf"}]', "21000fffffffffffff"),
    ("[-1.5]", "214007ffffffffffff"),
    ("[-0.0]", "217fffffffffffffff"),
    ("[0.0]", "218000000000000000"),
    ("[1.0]", "21bff0000000000000"),
    ("[1e+300]", "21fe37e43c8800759c"),
    ('[{"double":"nan"}]', "21fff8000000000000"),
    ("[false]", "26"),
    ("[true]", "27"),
    ('[{"uuid":"12345678-1234-5678-1234-567812345678"}]', "3012345678123456781234567812345678"),
    ('[{"time":-9223372036854775808}]', "400000000000000000"),
    ('[{"time":"1969-12-31T23:59:59.999999Z"}]', "407fffffffffffffff"),
    ('[{"time":"1970-01-01T00:00:00.000000Z"}]', "408000000000000000"),
    ('[{"time":"2013-09-07T11:30:15.250000Z"}]', "408004e5c97a9eb050"),
]


def filled():
    store = new_store(("t", "--key", "tuple"))
    for shown, encoded in KEYS:
        run("put", store, "t", "--", shown, encoded)
    return store


@test
def keys_are_shown_and_typed():
    store = filled()
    assert out("scan", store, "t").splitlines() == [f"{k}\t{v}" for k, v in KEYS]
    assert out("scan", "--hex", "--keys-only", store, "t").splitlines() == [v for _, v in KEYS]
    rows = [json.loads(line) for line in out("scan", "--json", store, "t").splitlines()]
    assert rows == [{"key": json.loads(k), "value": v} for k, v in KEYS]
    for shown, encoded in KEYS:
        assert out("get", store, "t", "--", shown) == encoded + "\n"
        assert out("get", "--hex", store, "t", encoded) == encoded.encode().hex() + "\n"
    run("del", store, "t", ' [ "H" , "T", 5 ] ')
    run("get", store, "t", '["H","T",5]', code=1)


@test
def maps_say_what_their_keys_are():
    store = new_store(("t", "--key", "tuple"), "plain")
    assert out("maps", store).splitlines()[1] == "t\ttuple\tbytes\t0 records"
    assert json.loads(out("maps", "--json", store).splitlines()[1])["key"] == "tuple"
    run("create", store, "t", "--if-missing", "--key", "tuple")
    run("create", store, "t", "--if-missing", "--key", "bytes", code=3)
    run("create", store, "plain", "--if-missing", "--key", "tuple", code=3)


@test
def large_integers_are_exact():
    store = new_store(("t", "--key", "tuple"))
    for n in (10**18, 10**27, 2**200 + 1, -(256**255) + 1, 256**255 - 1, 10**600):
        run("put", store, "t", "--", f"[{n}]", "")
        size = (abs(n).bit_length() + 7) // 8
        rest = (n if n > 0 else ~-n & (256**size - 1)).to_bytes(size, "big").hex()
        code = f"{20 + size:02x}" if size <= 8 else f"1d{size:02x}" if n > 0 else f"0b{size ^ 255:02x}"
        assert out("get", "--hex", store, "t", code + rest) == "\n"
        assert json.loads(out("get", "--json", store, "t", f"[{n}]"))["key"] == [n]
    run("put", store, "t", f"[{256**255}]", "", code=2)


@test
def what_is_no_tuple_is_shown_as_it_is():
    store = new_store(("t", "--key", "tuple"))
    for encoded in ("03", "203dd7ffff", "21fff8000000000001"):
        run("put", "--hex", store, "t", encoded, "00")
    assert out("scan", "--keys-only", store, "t").splitlines() == [
        '{"hex":"03"}', '{"hex":"203dd7ffff"}', '{"hex":"21fff8000000000001"}']
    run("del", store, "t", '{"hex":"03"}')
    run("get", "--hex", store, "t", "03", code=1)


@test
def wrong_tuples_are_refused():
    store = new_store(("t", "--key", "tuple"))
    for bad, word in [("H", "JSON"), ('"H"', "array"), ("5", "array"), ("[1", "JSON"),
                      ('[{"hex":"0"}]', "odd"), ('[{"hex":0}]', "string"), ("[1e999]", "large"),
                      ('[{"uuid":"123"}]', "uuid"), ('[{"what":1}]', "one member"),
                      ('[{"hex":"00","uuid":""}]', "one member"),
                      ('[{"time":"2013-02-29T00:00:00.000000Z"}]', "no such date"),
                      ('[{"time":"2013-02-28T24:00:00.000000Z"}]', "no such date"),
                      ('[{"time":"0000-01-01T00:00:00.000000Z"}]', "no such date"),
                      ('[{"time":"2013-02-28"}]', "string like"), ('[{"time":1.5}]', "microseconds"),
                      ('[{"double":"1"}]', "plain numbers"), ("[" * 34 + "]" * 34, "32 deep"),
                      (json.dumps(["x" * 1023]), "1025 bytes")]:
        wrong = run("put", store, "t", bad, "v", code=2)
        assert word in wrong.err, (bad, wrong)
    assert out("scan", store, "t") == ""


@test
def prefixes_are_tuples():
    store = filled()

    def scan(*options):
        return out("scan", "--keys-only", store, "t", *options).splitlines()
    assert scan("--prefix", '["H"]') == ['["H"]', '["H","T",5]']
    assert scan("--prefix", '["H","T"]') == ['["H","T",5]']
    assert scan("--prefix", "[]") == [k for k, _ in KEYS]
    assert scan("--prefix", '["H"]', "--to", '["H","T"]') == ['["H"]']
    assert scan("--from", "[0]", "--to", "[256]", "--to-inclusive") == ["[0]", "[256]"]
    assert scan("--from", "[true]", "--limit", "1") == ["[true]"]
    assert out("del", store, "t", "--prefix", '["H"]') == "2 records deleted\n"
    assert scan("--from", '["H"]', "--limit", "1") == ['["H\\u0000"]']


@test
def dumps_keep_them():
    store = filled()
    run("put", "--hex", store, "t", "03", "00")
    for form in ("jsonl", "mdb", "tsv"):
        dumped = out("dump", "--format", form, store, "t")
        again = new_store(("t", "--key", "tuple")) if form == "tsv" else new_path("again")
        if form != "tsv":
            run("create", again)
        run("load", "--format", form, again, "t", data=dumped)
        assert out("scan", "--hex", again, "t") == out("scan", "--hex", store, "t"), form
        assert out("maps", again) == out("maps", store), form
    made = new_path("copy")
    run("copy", store, made)
    assert out("maps", made) == out("maps", store)
    assert "not known" in run("load", "--format", "mdb", made, "u", code=2, data=(
        "VERSION=3\nformat=print\ncopse_key=words\ntype=btree\nHEADER=END\nDATA=END\n")).err
    assert "tuple" in run("load", "--format", "jsonl", made, "u", code=2, data=(
        '{"define": {"key": "words"}}\n')).err


@test
def columns_become_tuples():
    database = new_path("app.db", disk=True)
    with sqlite3.connect(database) as db:
        db.execute("create table t (a text, b integer, c real, d blob, v text, "
                   "primary key (a, b, c, d))")
        db.execute("insert into t values ('x', 5, 1.0, x'00ff', 'one')")
        db.execute("create table numbers (id integer primary key, v text)")
        db.execute("insert into numbers values (-7, 'minus')")
    store = new_store("plain", ("n", "--key", "tuple"))
    run("import", store, "t", "t", "--sqlite", database, "--key", "tuple")
    assert out("scan", "--keys-only", store, "t") == '["x",5,1.0,{"hex":"00ff"}]\n'
    run("import", store, "n", "numbers", "--sqlite", database)
    assert out("scan", "--keys-only", store, "n") == "[-7]\n"
    folder = os.path.dirname(database)
    assert "paths need bytes" in run("import", store, "t", "--directory", folder, code=2).err


if __name__ == "__main__":
    sys.exit(main())
