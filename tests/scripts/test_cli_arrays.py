#!/usr/bin/env python3
"""copse export and copse import --arrays. numpy is the second opinion, where it is installed."""
import ast
import json
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli"))
from harness import check_sound, main, new_path, out, run, skip, test  # noqa: E402

GATE = "array_2x2 { c64 value[4]; }"
MIXED = "mixed { u8 a; pad pad0_[3]; f32 b[2]; text name[5]; bytes raw[3]; c32 z; i64 n; }"


def numpy_run(script, *arguments):
    """Runs a script in a Python that has numpy; its output."""
    for python in (sys.executable, "/usr/bin/python3"):
        has = [python, "-c", "import numpy"]
        if os.path.exists(python) and subprocess.run(has, stderr=subprocess.DEVNULL,
                                                     check=False).returncode == 0:
            return subprocess.run([python, "-c", "import sys, numpy\n" + script, *map(str, arguments)],
                                  check=True, stdout=subprocess.PIPE, timeout=60).stdout.decode()
    return skip("no Python here has numpy")


def npy(path):
    """Type, shape and bytes of an .npy file, by numpy's documentation of it."""
    with open(path, "rb") as file:
        content = file.read()
    assert content[:6] == b"\x93NUMPY" and content[7] == 0
    size, begin = struct.unpack_from("<H", content, 8)[0], 10
    if content[6] > 1:
        size, begin = struct.unpack_from("<I", content, 8)[0], 12
    assert (begin + size) % 64 == 0 and content[begin + size - 1:begin + size] == b"\n"
    head = ast.literal_eval(content[begin:begin + size].decode("latin1" if content[6] < 3 else "utf-8"))
    assert head["fortran_order"] is False and len(head) == 3
    return head["descr"], head["shape"], content[begin + size:]


def npy_write(path, kind, shape, data, order=False, version=1):
    head = repr({"descr": kind, "fortran_order": order, "shape": shape}).encode()
    head += b" " * (63 - (len(head) + 10) % 64) + b"\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I",
                                                                     len(head)) + head + data)


def folder(**files):
    path = new_path("folder")
    os.mkdir(path)
    for name, content in files.items():
        with open(os.path.join(path, name.replace("_", ".")), "wb") as file:
            file.write(content)
    return path


def loaded(*lines):
    store = new_path("store")
    data = "".join(json.dumps(line) + "\n" for line in lines)
    run("load", store, "--format", "jsonl", data=data)
    return store


def gate(i):
    return [[i + k, -k / 2] for k in range(4)]


def gates(count=10):
    """An arena of matrices with a hole, slot 3, and one far away."""
    return loaded({"map": "gates", "define": {"key": "slot", "layout": GATE}},
                  *({"map": "gates", "key": i, "value": {"value": gate(i)}}
                    for i in [*range(3), *range(4, count), 1 << 40]))


def gate_bytes(*numbers):
    return b"".join(struct.pack("<8d", *(x for pair in gate(i) for x in pair)) for i in numbers)


@test
def arenas_and_maps_become_arrays():
    store, path = gates(), new_path("x.npy")
    said = out("export", store, "gates", "-o", path)
    assert said == "10 records exported: (10, 2, 2, ) '<c16'\n", said
    assert npy(path) == ("<c16", (10, 2, 2), gate_bytes(0, 1, 2, *range(4, 10), 1 << 40))
    run("export", store, "gates", "--range", "2:6", "-o", path)
    assert npy(path) == ("<c16", (3, 2, 2), gate_bytes(2, 4, 5))
    run("export", store, "gates", "--range", ":1", "-o", path)
    assert npy(path)[1:] == ((1, 2, 2), gate_bytes(0))
    run("export", store, "gates", "--from", 9, "-o", path)
    assert npy(path)[2] == gate_bytes(9, 1 << 40)
    run("export", store, "gates", "--range", "50:60", "-o", path)
    assert npy(path) == ("<c16", (0, 2, 2), b"")
    assert json.loads(out("export", "--json", store, "gates", "-o", path))["records"] == 10
    whole = run("export", store, "gates", "-o", "-", text=False).out
    with open(path, "rb") as file:
        assert file.read() == whole
    store = loaded({"map": "n", "define": {"key": "u64", "layout": "scalar { i16 value; }"}},
                   *({"map": "n", "key": 5 * i, "value": {"value": -i}} for i in range(9)),
                   {"map": "raw", "define": {"value_size": 3}},
                   *({"map": "raw", "key": key, "value": key * 3} for key in "abc"),
                   {"map": "any", "define": {"key": "bytes"}})
    run("export", store, "n", "--range", "5:20", "-o", path)
    assert npy(path) == ("<i2", (3,), struct.pack("<3h", -1, -2, -3))
    run("export", store, "raw", "--from", "b", "-o", path)
    assert npy(path) == ("|V3", (2,), b"bbbccc")
    for bad in (["n"], ["n", "-o", path, "--range", "5"], ["n", "-o", path, "--range", "a:b"],
                ["raw", "-o", path, "--range", "1:2"], ["any", "-o", path],
                ["n", "-o", path, "--range", "1:2", "--from", "1"]):
        run("export", store, *bad, code=2)
    run("export", store, "n", "-o", os.path.join(new_path("none"), "x"), code=3)


@test
def records_become_structured_elements():
    value = {"a": 7, "b": [1.5, -2.5], "name": "né", "raw": "00ff01", "z": [1, 2], "n": -9}
    store = loaded({"map": "m", "define": {"layout": MIXED}},
                   *({"map": "m", "key": key, "value": value} for key in ("x", "y")))
    path = new_path("x.npy")
    run("export", store, "m", "-o", path)
    kind, shape, data = npy(path)
    assert shape == (2,) and kind == [
        ("a", "|u1"), ("", "|V3"), ("b", "<f4", (2,)), ("name", "|S5"), ("raw", "|V3"),
        ("z", "<c8"), ("n", "<i8")], kind
    assert data[:len(data) // 2] == data[len(data) // 2:]
    assert numpy_run("a = numpy.load(sys.argv[1])\n"
                     "print(a.dtype.itemsize, a['a'], a['b'].tolist(), a['name'][0].decode(), a['z'],"
                     " a['n'], a['raw'][0].tobytes())", path) == (
        "36 [7 7] [[1.5, -2.5], [1.5, -2.5]] né [1.+2.j 1.+2.j] [-9 -9] b'\\x00\\xff\\x01'\n")
    # A layout that only looks like an array's, and one with names beyond ASCII.
    for layout in ("array_2x3 { f64 value[4]; }", "array_2x { f64 value[4]; }",
                   "other { f64 value[4]; }"):
        store = loaded({"map": "m", "define": {"layout": layout}})
        run("export", store, "m", "-o", path)
        assert npy(path)[0] == [("value", "<f8", (4,))], layout
    store = loaded({"map": "m", "define": {"layout": "r { f64 größe; u8 x; }"}})
    run("export", store, "m", "-o", path)
    assert npy(path)[0] == [("größe", "<f8"), ("x", "|u1")]
    fields = " ".join(f"u8 a_rather_long_name_of_a_field_{i};" for i in range(1024))
    store = loaded({"map": "m", "define": {"layout": f"wide {{ {fields} }}"}})
    run("export", store, "m", "-o", path)
    assert len(npy(path)[0]) == 1024


@test
def files_become_an_arena():
    store, path = new_path("store"), folder()
    for i in (10, 9, 1):
        npy_write(os.path.join(path, f"g{i}.npy"), "<c16", (2, 2), gate_bytes(i),
                  version=1 + i % 3 if i < 10 else 3)
    assert out("import", store, "gates", "--arrays", path) == "3 records imported\n"
    assert out("maps", store) == f"gates\tslot\t{GATE}\t3 records\n"
    exported = new_path("x.npy")
    run("export", store, "gates", "-o", exported)
    assert npy(exported) == ("<c16", (3, 2, 2), gate_bytes(1, 9, 10))
    run("import", store, "gates", "-a", path, "--batch", "2")  # behind those that are there
    assert "\t6 records" in out("maps", store)
    os.mkdir(os.path.join(path, "sub"))
    npy_write(os.path.join(path, "sub/g.npy"), "<c16", (2, 2), gate_bytes(5))
    run("import", store, "named", "--names", "--arrays", path)
    assert out("scan", store, "named", "--keys-only") == "g1\ng10\ng9\nsub/g\n"
    assert json.loads(out("get", store, "named", "sub/g")) == {"value": gate(5)}
    assert "0 records imported, 4 kept" in out("import", store, "named", "--names", "--keep", "-a",
                                               path)
    check_sound(store)
    # In Fortran's order, of all types, and a number alone.
    for kind, field, size in (("|b1", "u8", 1), ("|i1", "i8", 1), ("<u2", "u16", 2),
                              ("<i4", "i32", 4), ("<f4", "f32", 4), ("<c8", "c32", 8)):
        data = [bytes([i]) * size for i in range(24)]
        npy_write(os.path.join(path, "a.npy"), kind, (2, 3, 4), b"".join(data), order=True)
        alone = folder()
        os.rename(os.path.join(path, "a.npy"), os.path.join(alone, "a.npy"))
        run("import", store, f"of {field}", "--arrays", alone)
        assert f"of {field}\tslot\tarray_2x3x4 {{ {field} value[24]; }}\t1" in out("maps", store)
        run("export", store, f"of {field}", "-o", exported)
        assert npy(exported)[2] == b"".join(data[i + 2 * k + 6 * n] for i in range(2)
                                            for k in range(3) for n in range(4))
    npy_write(os.path.join(alone, "a.npy"), "<u8", (), struct.pack("<Q", 2**64 - 1))
    run("import", store, "one", "--arrays", alone)
    assert "one\tslot\tscalar { u64 value; }\t1 record\n" in out("maps", store)


@test
def text_becomes_an_arena():
    store, path = new_path("store"), folder(
        a_txt=b"# as numpy.savetxt() writes it\n1.5e+00 2 -3\n\n4\t5,6e300 # last\n",
        b_txt=b"nan inf -inf\r\n0;0;0")
    run("import", store, "m", "--arrays", path)
    rows = [json.loads(line)["value"]["value"] for line in out("scan", "--json", store, "m").splitlines()]
    assert rows == [[1.5, 2, -3, 4, 5, 6e300], ["nan", "inf", "-inf", 0, 0, 0]], rows
    assert "array_2x3 { f64 value[6]; }" in out("maps", store)
    path = folder(c_txt=b" (1.000e+00+2.000e+00j) (0.0e+00+-1.5e+00j)\n (3-4j) 2j\n")
    run("import", store, "c", "--arrays", path)
    assert json.loads(out("get", store, "c", 0)) == {"value": [[1, 2], [0, -1.5], [3, -4], [0, 2]]}
    for name, text, layout in (("column", b"1\n2\n3\n", "array_3"), ("row", b"1 2 3\n", "array_3"),
                               ("number", b"1", "scalar")):
        run("import", store, name, "--arrays", folder(x_txt=text))
        assert f"{name}\tslot\t{layout} {{" in out("maps", store)
    check_sound(store)


@test
def numpy_agrees(rng):
    path, store = folder(), new_path("store")
    numpy_run(
        "r = numpy.random.default_rng(int(sys.argv[2]))\n"
        "for i in range(12):\n"
        "    a = r.standard_normal((3, 2)) + 1j * r.standard_normal((3, 2))\n"
        "    numpy.save(f'{sys.argv[1]}/m{i}.npy', numpy.asfortranarray(a) if i % 2 else a)\n"
        "    numpy.savetxt(f'{sys.argv[1]}/t{i}.txt', a)\n", path, rng.randrange(2**32))
    run("import", store, "m", "--arrays", path)
    exported = new_path("x.npy")
    run("export", store, "m", "-o", exported)
    assert numpy_run(
        "a = numpy.load(sys.argv[2])\n"
        "for i in range(12):\n"
        "    b = numpy.load(f'{sys.argv[1]}/m{i}.npy')\n"
        "    assert (a[i] == b).all() and (a[12 + i] == b).all()\n"
        "print(a.shape, a.dtype)", path, exported) == "(24, 3, 2) complex128\n"


@test
def what_does_not_fit_is_told():
    store = gates()
    good = struct.pack("<4d", 1, 2, 3, 4)
    path = folder(z_dat=b"", y_npy=b"\x93NUMPY", x_txt=b"1 2\n3\n", w_txt=b"1 a\n", v_txt=b"# no\n",
                  u_txt=b"1 2j", t_txt=b"1\0", s_txt=b"1 " * 600)
    for name, kind, shape, data in (("a", ">f8", (4,), good), ("b", "<f8", (5,), good),
                                    ("c", "<U4", (2,), good), ("d", [("a", "<f8")], (4,), good),
                                    ("e", "<f8", (0, 4), b""), ("f", "<f8", (10**9, 10**9), good),
                                    ("g", "<f8", (4,), good + b"1"), ("h", "<f2", (16,), good),
                                    ("i", "<f8", 4, good), ("j", "|O", (1,), good)):
        npy_write(os.path.join(path, f"{name}.npy"), kind, shape, data)
    for name, head in (("k", b"{}"), ("l", b"{'descr': '<f8"), ("m", b"{'descr': '<f8', 'shape': (4, "),
                       ("n", b"\xff" * 40)):
        with open(os.path.join(path, f"{name}.npy"), "wb") as file:
            file.write(b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + good)
    npy_write(os.path.join(path, "ok.npy"), "<f8", (4,), good)
    done = run("import", store, "m", "--arrays", path, "--skip-bad", code=2)
    assert done.out == "1 record imported\n" and "\t1 record\n" in out("maps", store), done
    for name in [*"abcdefghijklmn", "s", "t", "u", "v", "w", "x", "y", "z"]:
        assert f"/{name}." in done.err, (name, done.err)
    assert "big-endian" in done.err and "rows" not in done.err and "row 2 has 1" in done.err
    # Another shape than the first file's, or than the arena's.
    path = folder(a_txt=b"1 2 3\n", b_txt=b"1 2\n")
    assert "array_2 {" in run("import", store, "p", "--arrays", path, code=2).err
    assert "nothing was" in run("import", store, "n", "-a", path, "--batch", "0", code=2).err
    assert "n\tslot" not in out("maps", store) and "p\tslot" in out("maps", store)
    run("import", store, "gates", "--arrays", path, code=2)
    run("create", store, "raw", "--arena", "--value-size", "24")
    run("create", store, "u64", "--key", "u64", "--layout", "array_3 { f64 value[3]; }")
    run("import", store, "raw", "--arrays", path, code=2)
    run("import", store, "u64", "--arrays", path, code=3)
    run("import", store, "u64", "--names", "--arrays", path, code=2)
    run("import", store, "gates", "--names", "--arrays", path, code=3)
    for bad in (["--names", "--directory", path], ["--arrays", path, "--value-size", "24"],
                ["--arrays", path, "--directory", path], []):
        run("import", store, "q", *bad, code=2)
    run("import", store, "q", "--arrays", new_path("none"), code=3)
    check_sound(store)


if __name__ == "__main__":
    sys.exit(main())
