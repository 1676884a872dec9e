#!/usr/bin/env python3
"""The file format as docs/FORMAT.md tells it: reader.py, written from that document, reads what the
library wrote, and both read the golden store that is kept here.

golden-1.copse.gz is a store of format 1; golden-1.json says what is in it. A later library must
go on reading it. To make another one (a new version of the format, or as long as version 1 is
not released): test_format.py --make-golden FILE.copse, gzip -9n, and keep the JSON beside it.
"""
import ctypes
import gzip
import json
import math
import os
import random
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "../cli"))
import harness  # noqa: E402
from harness import check_sound, main, new_path, out, random_bytes, run, test  # noqa: E402
from reader import Damaged, Store, crc32c, fnv1a  # noqa: E402

QUOTE = ("quote { u64 time_ns; f64 bid; f32 ask; i32 size[2]; text symbol[8]; c64 z; u8 tiny; "
         "bytes raw[3]; pad unused[4]; i64 last; c32 pair[2]; u16 wide[3]; pad end[2]; }")


# --- writing, with the tool ------------------------------------------------------------


def load(store, name, pairs, *options):
    lines = "".join(f"{key.hex()}\t{value.hex()}\n" for key, value in pairs)
    run("load", "--hex", store, name, *options, data=lines)


def quote(rng):
    """A record as JSON."""
    return {"time_ns": rng.randrange(2**64),
            "bid": rng.choice([0.0, -1.5, rng.random() * 1e300, "nan", "-inf"]),
            "ask": rng.choice([0.5, 3.25, "inf"]), "size": [rng.randrange(-2**31, 2**31), -1],
            "symbol": rng.choice(["", "ACME", "é€", "12345678"]), "z": [rng.random(), -0.5],
            "tiny": rng.randrange(256), "raw": rng.randbytes(3).hex(), "last": -rng.randrange(2**63),
            "pair": [[1.5, 2.5], [-0.25, 0]], "wide": [0, 1, 65535]}


def typed(rng, count):
    """Lines of JSON for a map of quotes with u64 keys."""
    keys = sorted({rng.choice([rng.randrange(1000), rng.randrange(2**64)]) for _ in range(count)})
    return "".join(json.dumps({"key": key, "value": quote(rng)}) + "\n" for key in keys)


def small_store(rng, path, records):
    """One map of every sort. What is written over and deleted leaves old pages behind."""
    run("create", path, "empty")
    pairs = {random_bytes(rng, 300): random_bytes(rng, 200) for _ in range(records)}
    pairs[b"k" * 1024] = b"longest key"
    pairs[b""] = b"no key"
    pairs[b"k"] = b""
    for size in (512, 513, 8127, 8128, 8129, 20000, 300000):
        pairs[b"value of %d" % size] = bytes(i * 7 & 0xFF for i in range(size))
    items = list(pairs.items())
    rng.shuffle(items)
    run("create", path, "bytes")
    load(path, "bytes", [(key, b"before") for key, _ in items[::2]])
    load(path, "bytes", items)
    run("create", path, "numbers", "--key", "u64", "--value-size", "12")
    lines = "".join(f"{n * n * n}\t{n:024x}\n" for n in range(records))
    run("load", "--hex", path, "numbers", data=lines)
    run("create", path, "wide", "--value-size", "600")
    load(path, "wide", [(b"w%d" % i, bytes([i]) * 600) for i in range(20)])
    run("create", path, "quotes", "--key", "u64", "--layout", QUOTE)
    run("load", "--format", "jsonl", path, "quotes", data=typed(rng, records))
    run("load", "--format", "jsonl", path, data=arena_lines(rng, 5 * records))
    run("create", path, "gone")
    load(path, "gone", items)
    run("rm", path, "gone")
    run("del", path, "bytes", "k")


def arena_lines(rng, records):
    """Arenas as the tool's JSON Lines: an array with holes and generations, slots far away; a tree."""
    lines = [{"map": "points", "define": {"key": "slot", "layout": "point { f64 x; u16 n; bytes b[3]; }"}}]
    for index in [*range(records), 1 << 20, (1 << 32) + 7, (1 << 38) - 1, (1 << 48) - 1]:
        line = {"map": "points", "key": index, "generation": rng.choice([1] * 9 + [2, 2**31 - 1])}
        if rng.randrange(8):
            line["value"] = {"x": rng.random(), "n": index % 65536, "b": rng.randbytes(3).hex()}
        if 40 <= index < 300 or rng.randrange(20):
            lines.append(line)
    links = "".join(f"u32 node.{link}; " for link in ("parent", "previous", "next", "first", "last"))
    lines.append({"map": "tree", "define": {
        "key": "slot", "layout": f"tree {{ {links}pad node.zero[4]; text payload[8]; }}"}})
    for i, (parent, previous, next, first, last) in enumerate(
            [(0, 0, 0, 2, 4), (1, 0, 3, 0, 0), (1, 2, 4, 5, 5), (1, 3, 0, 0, 0), (3, 0, 0, 0, 0)]):
        lines.append({"map": "tree", "key": i, "value": {
            "node.parent": parent, "node.previous": previous, "node.next": next, "node.first": first,
            "node.last": last, "payload": f"node {i}"}})
    return "".join(json.dumps(line) + "\n" for line in lines)


# --- arenas by the library: of all sizes, changed in place --------------------------------


class Handle(ctypes.Structure):
    _fields_ = [("arena", ctypes.c_uint64), ("index", ctypes.c_uint64),
                ("generation", ctypes.c_uint32), ("zero", ctypes.c_uint32)]


class ArenaOptions(ctypes.Structure):
    _fields_ = [("record_size", ctypes.c_uint32), ("layout", ctypes.c_void_p),
                ("arena", ctypes.c_uint64)]


class Library:
    """What is needed of libcopse."""

    def __init__(self):
        self.library = harness.library()
        self.library.copse_error_detail.restype = ctypes.c_char_p

    def __getattr__(self, name):
        def call(*arguments):
            result = getattr(self.library, "copse_" + name)(*arguments)
            assert result == 0, (name, result, self.library.copse_error_detail())

        return call


def arenas_store(rng, path):
    """Arenas of some sizes; {name: {index: (generation, record)}}."""
    copse, told = Library(), {}
    store, txn, arena = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    options = (ctypes.c_uint32 * 64)(1)  # COPSE_CREATE
    copse.store_open(path.encode(), options, ctypes.byref(store))
    for size in (1, 2, 24, 64, 1000, 4096, 65536):
        name, slots = f"arena {size}", {}
        copse.txn_begin(store, ctypes.c_int64(-1), ctypes.byref(txn))
        copse.arena_create(txn, name.encode(), ctypes.byref(ArenaOptions(size, None, 0)),
                           ctypes.byref(arena))
        first, n = ctypes.c_uint64(), min(9000, 2000000 // size)
        records = rng.randbytes(n * size)
        copse.arena_append(txn, arena, ctypes.c_uint64(n), records, ctypes.byref(first))
        for i in range(n):
            slots[i] = 1, records[i * size:(i + 1) * size]
        for index in (n + 1, n + 70000, 2**32 + 5, 2**47):
            record = rng.randbytes(size)
            copse.arena_insert_at(txn, arena, ctypes.c_uint64(index), record, None, None)
            slots[index] = 1, record
        for index in rng.sample(range(n), n // 10):
            copse.arena_remove(txn, arena, ctypes.byref(Handle(tag_of(copse, txn, arena), index, 1)))
            del slots[index]
            if rng.randrange(2):
                handle, record = Handle(), rng.randbytes(size)
                copse.arena_insert(txn, arena, record, ctypes.byref(handle), None)
                slots[handle.index] = handle.generation, record
        copse.txn_commit(txn, None)
        getattr(copse.library, "copse_arena_close")(arena)
        told[name] = slots
    copse.store_close(store)
    return told


def tag_of(copse, txn, arena):
    view, record, handle = copse.library.copse_txn_view, ctypes.c_void_p(), Handle()
    view.restype = ctypes.c_void_p
    copse.arena_at(ctypes.c_void_p(view(txn)), arena, ctypes.c_uint64(2**47), ctypes.byref(handle),
                   ctypes.byref(record))
    return handle.arena


@test
def arenas_are_read(rng):
    if os.environ.get("COPSE_EXE_WRAPPER"):
        return  # the library is another processor's
    path, sealed = new_path("arenas", disk=True), new_path("sealed", disk=True)
    told = arenas_store(rng, path)
    check_sound(path)
    run("copy", "--seal", path, sealed)
    arenas_compare(Store.open(path), told)
    store = Store.open(sealed)
    arenas_compare(store, told)
    assert sum(store.pages_read.values()) == store.sealed_units


def arenas_compare(store, told):
    found = {map.name: {index: (generation, record)
                        for index, generation, record in store.slots(map) if record is not None}
             for map in store.maps()}
    assert found.keys() == told.keys(), found.keys()
    for name in told:
        assert found[name] == told[name], name


# --- comparing -------------------------------------------------------------------------


def same(found, told, kind):
    """Whether a value of the reader is what the tool's JSON says."""
    if isinstance(told, list) and kind not in ("c32", "c64"):
        return len(found) == len(told) and all(same(f, t, kind) for f, t in zip(found, told))
    if kind in ("c32", "c64"):
        if isinstance(found, list):
            return len(found) == len(told) and all(same(f, t, kind) for f, t in zip(found, told))
        part = "f32" if kind == "c32" else "f64"
        return same(found.real, told[0], part) and same(found.imag, told[1], part)
    if kind in ("f32", "f64"):
        told = float(told)
        if math.isnan(told):
            return math.isnan(found)
        return struct.pack("<f" if kind == "f32" else "<d", told) == struct.pack(
            "<f" if kind == "f32" else "<d", found)
    if kind == "bytes":
        return found.hex() == told
    return found == told


def lines_of(path, name, *options):
    return out("scan", path, name, *options).split("\n")[:-1]


def compare_typed(path, map, records):
    kinds = {field.name: field.kind for field in map.layout.fields}
    lines = [json.loads(line) for line in lines_of(path, map.name, "--json")]
    assert len(lines) == len(records), map.name
    for line, (key, value) in zip(lines, records):
        found = map.layout.decode(value)
        told = line["value"]
        assert line["key"] == struct.unpack(">Q", key)[0], (map.name, line, key)
        assert found.keys() == told.keys(), (found, told)
        for name in told:
            assert same(found[name], told[name], kinds[name]), (name, found[name], told[name])


def compare_slots(path, arena, slots):
    """What the reader finds in an arena, against the tool's dump: free slots too."""
    lines = out("dump", "--format", "jsonl", path, arena.name).split("\n")[:-1]
    define = json.loads(lines[0])["define"]
    assert define["arena"] == f"{arena.tag:016x}" and define["value_size"] == arena.value_size
    assert define.get("layout") == (str(arena.layout) if arena.layout else None), define
    kinds = {field.name: field.kind for field in arena.layout.fields}
    assert len(lines) == len(slots) + 1, arena.name
    for line, (index, generation, record) in zip((json.loads(line) for line in lines[1:]), slots):
        assert (line["key"], line.get("generation", 1)) == (index, generation), (line, index)
        assert ("value" in line) == (record is not None), line
        found = arena.layout.decode(record) if record is not None else {}
        for name, told in line.get("value", {}).items():
            assert same(found[name], told, kinds[name]), (name, found, told)


def compare(path, store):
    """Everything the reader finds against what the tool says of the same file."""
    told = [json.loads(line) for line in out("maps", "--json", path).split("\n")[:-1]]
    found = list(store.maps())
    assert [m.name for m in found] == [t["name"] for t in told], (found, told)
    for map, line in zip(found, told):
        if map.key_kind == 2:
            compare_slots(path, map, list(store.slots(map)))
            continue
        records = list(store.records(map))
        assert len(records) == map.count == line["records"], (map.name, line)
        if map.layout:
            defined = json.loads(out("dump", "--format", "jsonl", path, map.name).split("\n")[0])
            assert defined["define"]["layout"] == str(map.layout), defined
            compare_typed(path, map, records)
        elif map.key_kind:
            shown = [f"{struct.unpack('>Q', key)[0]}\t{value.hex()}" for key, value in records]
            assert lines_of(path, map.name, "--hex") == shown, map.name
        else:
            shown = [f"{key.hex()}\t{value.hex()}" for key, value in records]
            assert lines_of(path, map.name, "--hex") == shown, map.name
    return found


def told_of(store):
    """A store's content as it is kept in golden-*.json."""
    maps = {}
    for map in store.maps():
        maps[map.name] = {"id": map.id, "key_kind": map.key_kind, "value_size": map.value_size,
                          "layout": str(map.layout) if map.layout else None,
                          "count": map.count, "records": f"{digest(records_of(store, map)):016x}"}
        if map.key_kind == 2:
            maps[map.name]["arena"] = f"{map.tag:016x}"
    return {"version": store.root_version, "maps": maps}


def records_of(store, map):
    """Pairs of bytes, of an arena too: a slot's index and generation, and its record if it is live."""
    if map.key_kind != 2:
        return store.records(map)
    return ((struct.pack("<QIB", index, generation, record is None), record or b"")
            for index, generation, record in store.slots(map))


def digest(records):
    hash = 0
    for key, value in records:
        hash = fnv1a(struct.pack("<QHQ", hash, len(key), len(value)) + key + value)
    return hash


def golden():
    with gzip.open(os.path.join(HERE, "golden-1.copse.gz")) as file:
        return file.read()


# --- the tests -------------------------------------------------------------------------


@test
def checksums_are_the_published_ones():
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4
    assert fnv1a(b"foobar") == 0x85944171F73967E8


@test
def a_new_store_has_no_maps():
    path = new_path("store")
    run("create", path)
    store = Store.open(path)
    assert store.root_version == 1 and store.clean == 1 and list(store.maps()) == []


@test
def the_reader_finds_what_the_tool_wrote(rng):
    path = new_path("store")
    small_store(rng, path, 400)
    check_sound(path)
    store = Store.open(path)
    assert store.clean == 1 and store.durability == 1
    names = [map.name for map in compare(path, store)]
    assert names == ["bytes", "empty", "numbers", "points", "quotes", "tree", "wide"], names


@test
def on_a_disk_too(rng):
    path = new_path("store", disk=True)
    small_store(rng, path, 60)
    store = Store.open(path)
    assert store.clean == 1 and store.durability == 2
    compare(path, store)


@test
def a_sealed_copy(rng):
    path, sealed = new_path("store"), new_path("sealed", disk=True)
    small_store(rng, path, 60)
    run("copy", "--seal", path, sealed)
    store = Store.open(sealed)
    assert store.sealed and not Store.open(path).sealed
    compare(sealed, store)
    assert sum(store.pages_read.values()) == store.sealed_units
    data, places = bytearray(store.data), sorted(store.pages_read)
    for ref in places:
        at, size = (ref & (1 << 48) - 1) * 128, store.pages_read[ref] * 128
        data[at:at + size] = bytes(size)
    assert not any(data[3 * 4096:]), "between the pages are holes"


@test
def deep_trees(rng):
    path = new_path("store")
    run("create", path, "paths")
    pairs = [(b"/usr/share/doc/%09d/%s" % (rng.randrange(10**9), rng.randbytes(rng.randrange(60))),
              rng.randbytes(rng.randrange(90))) for _ in range(12000)]
    load(path, "paths", dict(pairs).items())
    run("create", path, "sorted", "--key", "u64")
    run("load", path, "sorted", data="".join(f"{n}\tvalue {n}\n" for n in range(12000)))
    compare(path, Store.open(path))


@test
def many_maps_make_a_deep_table():
    path = new_path("store")
    run("create", path)
    lines = "".join(f"map {n * 7919 % 300:03}\tkey\tvalue {n}\n" for n in range(300))
    run("load", path, data=lines)
    store = Store.open(path)
    assert store.next_map == 301
    maps = list(store.maps())
    assert len(maps) == 300 and sorted(map.id for map in maps) == list(range(1, 301))
    for map in maps[::29]:
        assert [key for key, _ in store.records(map)] == [b"key"]


@test
def what_was_committed_after_a_sync_is_not_in_the_data_file_yet():
    path = new_path("store", disk=True)
    run("create", path, "map")
    run("put", path, "map", "a", "1")
    writer = harness.start("load", path, "map", stdin=subprocess.PIPE)  # keeps the store in use
    try:
        harness.until(lambda: harness.out("readers", "--json", path), "the store to be in use")
        run("put", path, "map", "b", "2")
        run("sync", path)
        run("put", path, "map", "c", "3")
        store = Store.open(path)
        map = next(store.maps())
        assert [key for key, _ in store.records(map)] == [b"a", b"b"] and store.clean == 0
    finally:
        writer.communicate()
    watcher = harness.start("watch", "--initial", path, "map")  # does not
    try:
        watcher.stdout.readline()
        run("put", path, "map", "d", "4")
    finally:
        watcher.terminate()
        watcher.communicate()
    store = Store.open(path)
    assert len(list(store.records(next(store.maps())))) == 4 and store.clean == 1


@test
def the_golden_store_is_read_by_the_reader():
    with open(os.path.join(HERE, "golden-1.json"), encoding="utf-8") as file:
        told = json.load(file)
    found = told_of(Store(golden()))
    assert found == told, found


@test
def the_golden_store_is_read_by_the_library():
    path = new_path("golden", disk=True)
    with open(path, "wb") as file:
        file.write(golden())
    check_sound(path)
    compare(path, Store(golden()))
    run("put", path, "bytes", "written by a later library", "1")
    run("sync", path)
    check_sound(path)
    compare(path, Store.open(path))


@test
def damage_is_noticed(rng):
    """Whatever byte is changed: the reader finds the same, or says that the store is damaged."""
    data = bytearray(golden())
    used = [at for at in range(len(data)) if data[at]]
    damaged = 0
    for _ in range(60):
        at = rng.choice(used)
        before, data[at] = data[at], data[at] ^ 1 << rng.randrange(8)
        try:
            told_of(Store(bytes(data)))
        except (Damaged, struct.error, IndexError, UnicodeDecodeError):
            damaged += 1
        data[at] = before
    data[100] ^= 1
    try:
        Store(bytes(data))
    except Damaged:
        damaged += 1
    assert damaged > 0


def make_golden(path):
    harness.places = harness.Places()
    try:
        small_store(random.Random(1), path, 60)
    finally:
        harness.places.remove()
    with open(os.path.splitext(path)[0] + ".json", "w", encoding="utf-8") as file:
        json.dump(told_of(Store.open(path)), file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make-golden"]:
        sys.exit(make_golden(sys.argv[2]))
    sys.exit(main())
