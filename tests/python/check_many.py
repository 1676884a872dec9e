"""Many keys at once, batches, conditional writes, ranges that are deleted, maps that go."""
import random
import unittest

import copse
from support import Test, main, needs_numpy, numpy


class Many(Test):
    def test_lists(self):
        m = self.db.map("m")
        pairs = {b"%d" % random.randrange(10**6): b"x" * random.randrange(700) for _ in range(500)}
        m.put_many(pairs.keys(), pairs.values())
        self.assertEqual(dict(m), pairs)
        keys = list(pairs) + [b"none", b""]
        random.shuffle(keys)
        self.assertEqual(m.multiget(keys, 7), tuple(pairs.get(k, 7) for k in keys))
        self.assertEqual(m.multiget([]), ())

    def test_all_or_none(self):
        m = self.db.map("m", value=4)
        with self.assertRaises(copse.ValueSize):
            m.put_many([b"a", b"b"], [b"1234", b"12345"])
        self.assertEqual(len(m), 0)
        with self.db.write() as t:
            t[m][b"x"] = b"abcd"
            with self.assertRaises(copse.ValueSize):
                t[m].put_many([b"a", b"b"], [b"1234", b"12345"])
            with self.says(ValueError, "2 keys", "1 values"):
                t[m].put_many([b"a", b"b"], [b"1234"])
            with self.says(TypeError, "bytes"):
                t[m].put_many([b"a", "b"], [b"1234", b""])
            t[m].put_many([b"y", b"z"], [b"1234"] * 2)
        self.assertEqual(list(m), [b"x", b"y", b"z"])

    @needs_numpy
    def test_arrays(self):
        m = self.db.map("m", key="u64", value=numpy.dtype(("c16", (2, 2))))
        keys = numpy.arange(1000) * 3
        values = numpy.random.default_rng(1).random((1000, 2, 2)) * 1j
        m.put_many(keys, values, append=True)
        self.assertEqual(list(m), keys.tolist())
        self.assertTrue((m[300] == values[100]).all())
        wanted = numpy.array([30, 0, 2997], "u8")
        self.assertTrue((m.gather(wanted) == values[[10, 0, 999]]).all())
        out = numpy.empty((2, 2, 2), "c16")
        self.assertIs(m.gather([3, 6], out), out)
        self.assertTrue((out == values[1:3]).all())
        with self.says(KeyError, "4"):
            m.gather([3, 4])
        with self.says(ValueError, "(3, 2, 2)"):
            m.gather(wanted, out)
        with self.says(ValueError, "(n, *(2, 2))"):
            m.put_many(keys, values[:, 0])
        with self.says(TypeError, "astype"):
            self.db.map("f", key="u64", value=numpy.dtype("f4")).put_many(keys, values[:, 0, 0].real)
        with self.assertRaises(OverflowError):
            m.put_many(-keys, values)
        with self.assertRaises(copse.Order):
            m.put_many(keys, values, append=True)

    @needs_numpy
    def test_numbers_and_records(self):
        m = self.db.map("m", key="u64", value="i32")
        m.put_many(numpy.arange(5), numpy.arange(5, dtype="i4"))
        self.assertEqual(m.gather([4, 2]).tolist(), [4, 2])
        m.put_many([7], [9])
        self.assertEqual(m[7], 9)
        t = numpy.dtype([("a", "u4"), ("b", "M8[s]")])
        n = self.db.map("n", key="u64", value=t)
        rows = numpy.zeros(3, t)
        rows["a"] = 1, 2, 3
        n.put_many(numpy.arange(3), rows)
        self.assertEqual(n.gather([2, 0])["a"].tolist(), [3, 1])
        self.assertEqual(n.multiget([1])[0]["a"], 2)


class Batches(Test):
    def test_waiting_or_not(self):
        m = self.db.map("m", key="u64")
        batch = self.db.batch()
        batch.put(m, 1, b"a")
        ticket = batch.commit()
        ticket.outcome()
        self.assertEqual(m[1], b"a")
        batch.delete(m, 1)
        batch.append(m, b"b")
        batch.append(m, b"c")
        self.assertEqual(batch.commit("visible").outcome().first, 0)
        self.assertEqual(dict(m), {0: b"b", 1: b"c"})
        with self.db.batch() as b:
            b.put(m, 9, b"")
        with self.assertRaises(ValueError), self.db.batch() as b:
            b.put(m, 10, b"")
            raise ValueError
        self.db.combine()
        self.assertIn(9, m)
        self.assertNotIn(10, m)

    def test_refused(self):
        m = self.db.map("m")
        m[b"a"] = b"1"
        batch = self.db.batch()
        batch.compare_and_set(m, b"a", b"2", b"3")
        batch.put(m, b"b", b"")
        with self.assertRaises(copse.Conflict):
            batch.commit("visible")
        self.assertNotIn(b"b", m)
        batch.compare_and_set(m, b"a", b"1", None)
        batch.commit("visible")
        self.assertNotIn(b"a", m)
        with self.says(ValueError, "'visible'"):
            batch.commit("soon")
        with self.assertRaises(TypeError):
            batch.put("m", b"", b"")

    def test_one_token_is_applied_once(self):
        m = self.db.map("m", key="u64")
        for _ in range(2):
            batch = self.db.batch()
            batch.token("writer", 1)
            batch.append(m, b"")
            batch.commit("visible")
        self.assertEqual(len(m), 1)


class Conditions(Test):
    def test_compare_and_set(self):
        m = self.db.map("m", value="u32")
        m.compare_and_set(b"a", None, 1)
        m.compare_and_set(b"a", 1, 2)
        with self.assertRaises(copse.Conflict):
            m.compare_and_set(b"a", 1, 3)
        self.assertEqual(m[b"a"], 2)
        m.compare_and_set(b"a", 2, None)
        self.assertEqual(len(m), 0)

    def test_ranges_and_maps_that_go(self):
        m = self.db.map("m", key="u64")
        m.put_many(range(100), [b""] * 100)
        self.assertEqual(m.delete_range(10, 90), 80)
        self.assertEqual(len(m), 20)
        m.rename("n")
        self.assertEqual(self.db.maps(), ["n"])
        with self.db.write() as t:
            t[m].drop()
        with self.assertRaises(copse.NoMap):
            m.get(1)


class Tuples(Test):
    def test_order_and_round_trip(self):
        import datetime
        import uuid
        now = datetime.datetime(2013, 9, 7, 11, 30, 15, 250000, datetime.timezone.utc)
        keys = [(), (None,), (b"",), (b"a\0b",), (b"a\0b", 1), ("",), ("H",), ("H", "T"),
                ("H", "T", 5), ("I\0",), ((),), ((None, "x"),), (-2**70,), (-1,), (0,), (1,),
                (2**64,), (-1.5,), (0.5,), (False,), (True,),
                (uuid.UUID("12345678-1234-5678-1234-567812345678"),), (now,)]
        m = self.db.map("m", key="tuple", value="u64")
        for i in random.sample(range(len(keys)), len(keys)):
            m[keys[i]] = i
        self.assertEqual(list(m), keys)
        self.assertEqual(list(m.values()), list(range(len(keys))))
        self.assertEqual([k for k, _ in m.prefix(("H",))], keys[6:9])
        self.assertEqual(m.floor(("H", "Z")), (("H", "T", 5), 8))
        self.assertEqual(copse.pack((1, b"a")).hex(), "1501016100")
        self.assertEqual(copse.unpack(bytes.fromhex("1501016100")), (1, b"a"))
        self.assertEqual(self.db.map("m").key, "tuple")
        with self.assertRaises(copse.Layout):
            self.db.map("m", key="bytes")

    def test_what_is_no_key(self):
        import datetime
        m = self.db.map("m", key="tuple")
        for key, error in (("a", TypeError), (([],), TypeError), ((2**2048,), OverflowError),
                           ((datetime.datetime(2000, 1, 1),), ValueError),
                           ((float("nan"),), copse.Argument), (("\ud800",), UnicodeError),
                           ((b"x" * 2000,), copse.KeySize)):
            with self.subTest(str(key)[:20]), self.assertRaises(error):
                m[key]
        deep = ()
        for _ in range(100):
            deep = (deep,)
        with self.assertRaises(copse.Argument):
            m[deep]
        with self.assertRaises(copse.Error):
            copse.unpack(b"\xff")


if __name__ == "__main__":
    main()
