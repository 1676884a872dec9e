#!/usr/bin/env python3
"""copse with arenas: shown slot by slot, copied, dumped and loaded so that handles stay valid."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli"))
from harness import check_sound, finish, main, new_path, new_store, out, read_line, run, start, test  # noqa: E402

POINT = {"key": "slot", "value_size": 12, "layout": "point { f64 x; u32 n; }",
         "arena": "00112233445566a1"}
NODE = {"key": "slot", "value_size": 32, "layout":
        "tree { u32 node.parent; u32 node.previous; u32 node.next; u32 node.first; "
        "u32 node.last; pad node.zero[4]; u64 value; }", "arena": "fedcba9876543211"}
FAR = [1 << 32, (1 << 38) + 5, (1 << 48) - 1]


def lines(*objects):
    return "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in objects)


def point(index, generation=1, free=False):
    made = {"map": "points", "key": index}
    if generation > 1 or free:
        made["generation"] = generation
    if not free:
        made["value"] = {"x": index + 0.5, "n": generation}
    return made


def node(index, value, generation=1, **links):
    names = ("parent", "previous", "next", "first", "last")
    made = {"map": "tree", "key": index}
    if generation > 1:
        made["generation"] = generation
    made["value"] = {**{f"node.{name}": links.get(name, 0) for name in names}, "value": value}
    return made


def text():
    """A map, an arena with holes, generations and slots far away, and a tree arena."""
    points = [point(i) for i in range(900)]
    for i in range(100, 200, 3):
        points[i] = point(i, 2)
    for i in range(300, 330):
        points[i] = point(i, 1 + i % 2, free=True)
    points[400] = point(400, 2**31 - 1, free=True)
    points[500] = point(500, 2**31 - 1)
    points += [point(i) for i in FAR]
    tree = [node(0, 10, first=2, last=3), node(1, 11, parent=1, next=3),
            node(2, 12, 3, parent=1, previous=2)]
    return lines({"map": "m", "define": {"key": "u64"}}, {"map": "m", "key": 7, "value": ""},
                 {"map": "points", "define": POINT}, *points, {"map": "tree", "define": NODE}, *tree)


def loaded():
    store = new_path("store")
    run("load", store, "--format", "jsonl", data=text())
    check_sound(store)
    return store


@test
def a_dump_is_loaded_as_it_was():
    store, whole = loaded(), text()
    assert out("dump", "--format", "jsonl", store) == whole
    again = new_path("again")
    run("load", again, "--format", "jsonl", "--batch", "7", data=whole)
    assert out("dump", "--json", again) == whole
    run("diff", store, again)
    check_sound(again)


@test
def copies_hold_arenas():
    store, whole = loaded(), text()
    for how in (["copy"], ["compact"], ["copy", "--seal"]):
        copy = new_path("copy", disk=how == ["copy"])
        run(*how, store, copy)
        assert out("dump", "--json", copy) == whole
        check_sound(copy)
        run("diff", "--brief", store, copy)
        assert "removed" in run("get", copy, "points", "300:1", code=3).err
        run("get", copy, "points", f"{FAR[2]}:1")
    sealed = new_path("sealed")
    run("apply", sealed, data=run("copy", "--since", "0", store, "-", text=False).out)
    run("load", store, "--format", "jsonl", data=lines(point(901), point(5000, 9)))
    run("apply", sealed, data=run("copy", "--since", sealed, store, "-", text=False).out)
    assert out("dump", "--json", sealed) == out("dump", "--json", store) != whole


@test
def records_are_shown_by_index():
    store = loaded()
    rows = out("scan", store, "points").splitlines()
    assert len(rows) == 900 - 31 + 3
    assert rows[0] == '0\t{"x":0.5,"n":1}' and rows[-1].startswith(f"{FAR[2]}\t"), rows[-1]
    assert out("scan", store, "points", "--from", 299, "--to", 331, "--keys-only") == "299\n330\n"
    assert out("scan", store, "points", "--from", FAR[0], "--to", FAR[1], "--to-inclusive",
               "--keys-only") == f"{FAR[0]}\n{FAR[1]}\n"
    assert out("scan", store, "points", "-R").splitlines() == rows[::-1]
    assert out("scan", store, "points", "-R", "--limit", 2, "--to", 330,
               "--keys-only") == "299\n298\n"
    assert out("scan", store, "tree", "--json", "--from", 2) == lines(
        {k: v for k, v in node(2, 12, 3, parent=1, previous=2).items() if k != "map"})
    run("scan", store, "points", "--prefix", "1", code=2)
    run("scan", store, "points", "--from", "a", code=2)
    assert out("get", store, "points", "100") == '{"x":100.5,"n":2}\n'
    assert out("get", store, "points", "100:2") == '{"x":100.5,"n":2}\n'
    assert out("get", "--json", store, "points", "100") == \
        '{"key":100,"generation":2,"value":{"x":100.5,"n":2}}\n'
    assert "removed" in run("get", store, "points", "100:1", code=3).err
    assert "not 3 yet" in run("get", store, "points", "100:3", code=3).err
    run("get", store, "points", "300", code=1)
    for bad in ("100:", "100:x", ":1", "1:2:3", "100:4294967296"):
        run("get", store, "points", bad, code=2)


@test
def what_an_arena_is():
    store = loaded()
    assert "points\tslot\tpoint { f64 x; u32 n; }\t872 records\n" in out("maps", store)
    rows = {row["name"]: row for row in map(json.loads, out("maps", "--json", store).splitlines())}
    assert rows["points"]["arena"] == POINT["arena"] and "arena" not in rows["m"]
    stat = json.loads(out("stat", "--json", store, "points"))
    assert stat["end"] == 1 << 48 and stat["leaf_slots"] == 336 and stat["records"] == 872, stat
    assert f"arena              {POINT['arena']}\n" in out("stat", store, "points")


@test
def differences_are_those_of_slots():
    store, other = loaded(), new_path("other")
    # Of the same content, another generation; a record more, one less, one that is different.
    whole = text().replace(lines(point(8)), lines({**point(8), "generation": 4}))
    whole = whole.replace(lines(point(9)), "").replace(lines(point(310, 1, True)), lines(point(310)))
    whole = whole.replace('"key":20,"value":{"x":20.5', '"key":20,"value":{"x":11.5')
    run("load", other, "--format", "jsonl", data=whole)
    assert run("diff", store, other, code=1).out == (
        '~\tpoints\t8\t{"x":8.5,"n":1}\t{"x":8.5,"n":1}\n'
        '-\tpoints\t9\t{"x":9.5,"n":1}\n'
        '~\tpoints\t20\t{"x":20.5,"n":1}\t{"x":11.5,"n":1}\n'
        '+\tpoints\t310\t{"x":310.5,"n":1}\n')
    run("diff", "--brief", store, other, "tree")
    watch = start("watch", "--initial", "--count", "4", "--keys-only", store, "tree")
    assert [read_line(watch.stdout).split("\t")[1:] for _ in range(3)] == \
        [["+", "0\n"], ["+", "1\n"], ["+", "2\n"]]
    run("load", store, "--format", "jsonl", data=lines(node(9, 1)))
    assert read_line(watch.stdout).endswith("\t+\t9\n")
    finish(watch)


@test
def what_cannot_be_says_what_to_do():
    store = loaded()
    for form in ("tsv", "mdb"):
        assert "--format jsonl" in run("dump", "--format", form, store, code=2).err
        assert out("dump", "--format", form, store, "m")
    tsv = '1000\t{"x":0.5,"n":1}\n'
    assert "--format jsonl" in run("load", store, "points", data=tsv, code=3).err
    again = lines({"map": "points", "define": POINT}, point(3))
    assert "had records already" in run("load", store, "--format", "jsonl", data=again, code=1).err
    assert json.loads(out("load", store, "--format", "jsonl", "--keep", "--json", data=again))[
        "kept"] == 1
    other = {**POINT, "arena": "1111111111111111"}
    define = lines({"map": "points", "define": other})
    assert "copse rm" in run("load", store, "--format", "jsonl", data=define, code=3).err
    define = lines({"map": "copy", "define": POINT})
    assert "leave \"arena\" out" in run("load", store, "--format", "jsonl", data=define, code=3).err
    del other["arena"]
    run("load", store, "--format", "jsonl", data=lines({"map": "copy", "define": other}))
    define = lines({"map": "points", "define": {"key": "u64"}})
    assert "an arena" in run("load", store, "--format", "jsonl", data=define, code=3).err
    for bad in ({**POINT, "arena": "12"}, {**POINT, "arena": 5}, {**POINT, "arena": "g" * 16},
                {"key": "u64", "arena": POINT["arena"]}, {"value_size": 5000},
                {**POINT, "layout": None, "value_size": 70000}):
        run("load", new_path("bad"), "--format", "jsonl", data=lines({"map": "n", "define": bad}),
            code=2)
    for bad in ({"generation": 0}, {"generation": 2**31}, {"generation": "1"}, {"key": 1 << 48},
                {"key": "x"}, {"value": {"x": 1}}):
        data = lines({**point(777777), **bad})
        run("load", store, "--format", "jsonl", data=data, code=2)
    run("load", store, "--format", "jsonl", data=lines({"map": "points", "key": 1}), code=2)
    run("load", store, "--format", "jsonl", data=lines({"map": "m", "key": 1, "generation": 1}),
        code=2)
    check_sound(store)


if __name__ == "__main__":
    sys.exit(main())
