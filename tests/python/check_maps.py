"""Maps: types of keys and values, walking, and what is said of wrong arguments."""
import struct
import unittest

import copse
from support import Test, main, needs_numpy, numpy


class Mapping(Test):
    def test_it_is_a_mutable_mapping(self):
        m = self.db.map("m")
        m.update({b"b": b"2", b"a": b"1", b"c": b"3"})
        self.assertEqual(list(m), [b"a", b"b", b"c"])
        self.assertEqual(dict(m), {b"a": b"1", b"b": b"2", b"c": b"3"})
        self.assertEqual(list(m.items()), sorted(dict(m).items()))
        self.assertEqual(list(m.values()), [b"1", b"2", b"3"])
        self.assertEqual(m.pop(b"a"), b"1")
        self.assertEqual(m.pop(b"a", 7), 7)
        self.assertEqual(m.setdefault(b"b", b"x"), b"2")
        self.assertEqual(m.setdefault(b"d", b"4"), b"4")
        self.assertEqual(len(m), 3)
        self.assertIn(b"d", m)
        self.assertNotIn(b"a", m)
        self.assertEqual(m.get(b"a"), None)
        self.assertEqual(m.popitem(), (b"b", b"2"))
        del m[b"c"]
        with self.assertRaises(KeyError):
            del m[b"c"]
        with self.assertRaises(KeyError):
            m[b"c"]
        self.assertFalse(m.discard(b"c"))
        m.clear()
        self.assertEqual(len(m), 0)
        self.assertEqual(m.first(), None)

    def test_walking(self):
        m = self.db.map("m", key="u64", value="i32")
        for i in range(0, 100, 10):
            m[i] = -i
        self.assertEqual([k for k, _ in m.range(20, 50)], [20, 30, 40])
        self.assertEqual([k for k, _ in m.range(20, 50, start_open=True, stop_closed=True)],
                         [30, 40, 50])
        self.assertEqual([k for k, _ in m.range(20, 50, reverse=True)], [40, 30, 20])
        self.assertEqual([k for k, _ in m.range(start=85)], [90])
        self.assertEqual(list(reversed(m)), list(range(90, -1, -10)))
        self.assertEqual(m.first(), (0, 0))
        self.assertEqual(m.last(), (90, -90))
        self.assertEqual(m.floor(45), (40, -40))
        self.assertEqual(m.floor(40), (40, -40))
        self.assertEqual(m.ceiling(45), (50, -50))
        self.assertEqual(m.ceiling(91), None)

    def test_prefix(self):
        m = self.db.map("m")
        for word in (b"a", b"ab", b"abc", b"b", b"ab\xff"):
            m[word] = word
        self.assertEqual([k for k, _ in m.prefix(b"ab")], [b"ab", b"abc", b"ab\xff"])
        self.assertEqual([k for k, _ in m.prefix(b"ab", reverse=True)], [b"ab\xff", b"abc", b"ab"])

    def test_an_iteration_has_a_snapshot_of_its_own(self):
        m = self.db.map("m", key="u64")
        for i in range(100):
            m[i] = b""
        for i, _ in m.range():
            del m[i]
            m[1000 + i] = b""
        self.assertEqual(list(m), list(range(1000, 1100)))

    def test_a_transaction_is_walked_while_it_writes(self):
        m = self.db.map("m", key="u64")
        with self.db.write() as t:
            tm = t[m]
            for i in range(100):
                tm[i] = b""
            for i in tm:
                del tm[i]
            self.assertEqual(len(tm), 0)


class Values(Test):
    def round_trip(self, kind, *values, key="bytes"):
        m = self.db.map(repr(kind), value=kind)
        for value in values:
            m[b"k"] = value
            self.assertEqual(m[b"k"], value)
        again = self.db.map(repr(kind))
        self.assertEqual(again[b"k"], values[-1])

    def test_numbers(self):
        self.round_trip("u8", 0, 255)
        self.round_trip("i8", -128, 127)
        self.round_trip("u16", 65535)
        self.round_trip("i16", -32768)
        self.round_trip("u32", 2**32 - 1)
        self.round_trip("i32", -2**31)
        self.round_trip("u64", 2**64 - 1)
        self.round_trip("i64", -2**63, 2**63 - 1)
        self.round_trip("f32", 0.5, float("inf"))
        self.round_trip("f64", 0.1)
        self.round_trip("c32", 0.5 - 2j)
        self.round_trip("c64", 0.1 + 7j)

    def test_numbers_that_do_not_fit(self):
        for kind, values in {"u8": (-1, 256), "i8": (-129, 128), "u32": (2**32,),
                             "i64": (2**63, -2**63 - 1), "u64": (2**64, -1)}.items():
            m = self.db.map(kind, value=kind)
            for value in values:
                with self.says(OverflowError, str(value), kind):
                    m[b"k"] = value
        with self.says(TypeError, "u8", "str"):
            self.db.map("u8")[b"k"] = "1"
        with self.says(TypeError, "f64", "list"):
            self.db.map("f", value="f64")[b"k"] = []

    def test_bytes_of_one_size(self):
        m = self.db.map("m", value=4)
        m[b"k"] = bytearray(b"abcd")
        self.assertEqual(m[b"k"], b"abcd")
        with self.says(copse.ValueSize, "4"):
            m[b"k"] = b"abc"
        self.assertEqual(self.db.map("m").value, 4)

    def test_structs(self):
        for text, value in (("<Qd4s", (1, 2.5, b"abcd")), ("@bQ", (-1, 3)), ("<2h?x", (1, -2, True)),
                            ("=3f", (1.0, 2.0, 3.0))):
            m = self.db.map(text, value=struct.Struct(text))
            m[b"k"] = value
            self.assertEqual(m[b"k"], value)
            with self.says(TypeError, "record"):
                m[b"k"] = ("x",)
        with self.says(TypeError, "big-endian"):
            self.db.map("big", value=struct.Struct(">Q"))
        with self.says(TypeError, "'P'"):
            self.db.map("pointer", value=struct.Struct("P"))

    def test_a_struct_and_a_c_program_agree_by_the_layout(self):
        self.db.map("m", value=struct.Struct("<Qd"))
        with self.says(copse.Layout, "f1"):
            self.db.map("m", value=struct.Struct("<Qq"))
        with self.says(copse.Layout, "key"):
            self.db.map("m", key="u64")

    @needs_numpy
    def test_arrays(self):
        m22 = numpy.dtype(("c16", (2, 2)))
        m = self.db.map("m", key="u64", value=m22)
        a = numpy.arange(4).reshape(2, 2) * (1 + 2j)
        m[1] = a
        m[2] = a.T
        m[3] = [[1, 2], [3, 4]]
        self.assertTrue((m[1] == a).all())
        self.assertTrue((m[2] == a.T).all())
        self.assertEqual(m[3].tolist(), [[1, 2], [3, 4]])
        self.assertEqual((m[1].dtype, m[1].shape), (numpy.dtype("c16"), (2, 2)))
        m[1][0, 0] = 5  # a copy
        self.assertEqual(m[1][0, 0], 0)
        self.assertEqual(self.db.map("m").value, m22)
        with self.says(ValueError, "(3,)", "(2, 2)"):
            m[1] = numpy.zeros(3)
        small = self.db.map("small", key="u64", value=numpy.dtype(("f4", 2)))
        with self.says(TypeError, "float64", "astype"):
            small[1] = numpy.zeros(2)
        for other in ("f8", ("c16", 4), ("c8", (2, 2)), ("c16", (2, 2, 2))):
            if other == ("c16", 4):
                continue  # the same bytes: only the shape differs, which the program may choose
            with self.subTest(other), self.says(copse.Layout):
                self.db.map("m", value=numpy.dtype(other))

    @needs_numpy
    def test_records(self):
        t = numpy.dtype([("id", "u4"), ("at", "f8", (3,)), ("name", "S8"), ("flag", "?"),
                         ("when", "M8[us]"), ("pos", [("x", "f4"), ("y", "f4")])])
        m = self.db.map("m", value=t)
        m[b"k"] = (7, (1, 2, 3), b"seven", True, numpy.datetime64("2020-01-01"), (0.5, 1.5))
        record = m[b"k"]
        self.assertEqual(record["id"], 7)
        self.assertEqual(record["name"], b"seven")
        self.assertEqual(record["at"].tolist(), [1, 2, 3])
        self.assertEqual(record["pos"]["y"], 1.5)
        self.assertEqual(record["when"], numpy.datetime64("2020-01-01", "us"))
        m[b"l"] = record
        self.assertEqual(m[b"l"], record)
        again = self.db.map("m")[b"k"]
        self.assertEqual(again["pos.y"], 1.5)
        aligned = numpy.dtype([("a", "u1"), ("b", "f8")], align=True)
        n = self.db.map("n", value=aligned)
        n[b"k"] = (1, 2)
        self.assertEqual(n[b"k"].tolist(), (1, 2.0))
        with self.says(TypeError, "record"):
            m[b"k"] = (1, 2)

    @needs_numpy
    def test_what_cannot_be_a_record(self):
        for dtype in ("O", "U4", "f2", ">f8", "S", [("a", "f16")], [("a", ">u2")]):
            with self.subTest(dtype), self.assertRaises(TypeError):
                self.db.map("m", value=numpy.dtype(dtype))

    def test_what_is_no_type(self):
        for value in ("nothing", 0, -1, 3.5, object()):
            with self.subTest(value), self.assertRaises((TypeError, ValueError)):
                self.db.map("m", value=value)


class Errors(Test):
    def test_keys(self):
        m, n = self.db.map("m"), self.db.map("n", key="u64")
        for key in ("a", 1, None, (1,)):
            with self.subTest(key), self.says(TypeError, "bytes"):
                m[key]
        with self.says(TypeError, "integer"):
            n["1"]
        with self.says(TypeError, "integer"):
            n[1.0]
        with self.says(OverflowError, "-1"):
            n[-1]
        with self.says(copse.KeySize, "1024"):
            m[b"x" * 2000] = b""

    def test_flags(self):
        m = self.db.map("m")
        m.insert(b"b", b"1")
        with self.assertRaises(copse.KeyExists):
            m.insert(b"b", b"2")
        self.assertFalse(m.replace(b"c", b""))
        self.assertTrue(m.replace(b"b", b"3"))
        m.append(b"c", b"4")
        with self.assertRaises(copse.Order):
            m.append(b"a", b"5")
        self.assertEqual(dict(m), {b"b": b"3", b"c": b"4"})

    def test_names_and_kinds(self):
        with self.assertRaises(copse.NoMap):
            self.db.map("m", create=False)
        with self.says(ValueError, "'u64'"):
            self.db.map("m", key="int")
        with self.assertRaises(TypeError):
            self.db.map(b"m")
        with self.assertRaises((ValueError, copse.Error)):
            self.db.map("")

    def test_an_error_has_code_name_and_sentence(self):
        try:
            self.db.map("m", create=False)
        except copse.Error as error:
            self.assertEqual((error.code, error.name), (-29, "NO_MAP"))
            self.assertIn("'m'", error.detail)
            self.assertIn(error.detail, str(error))


if __name__ == "__main__":
    main()
