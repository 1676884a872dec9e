"""Arenas: records by index and by handle, bulk, arrays without a copy; leased values."""
import gc
import os
import pickle
import random
import struct
import unittest
import warnings

import copse
from support import Test, main, needs_numpy, numpy

if numpy is not None:
    M22 = numpy.dtype(("c16", (2, 2)))


class Slots(Test):
    def test_handles(self):
        a = self.db.arena("a", record=8)
        h = a.insert(b"12345678")
        self.assertEqual(a.get(h), b"12345678")
        self.assertEqual(a.get(h.index), b"12345678")
        self.assertEqual(a.handle(h.index), h)
        before = self.db.snapshot()
        a.update(h, b"abcdefgh")
        self.assertEqual((a.get(h), before[a].get(h)), (b"abcdefgh", b"12345678"))
        a.remove(h)
        with self.assertRaises(copse.Stale):
            a.get(h)
        with self.says(IndexError, "0"):
            a[0]
        self.assertIsNone(a.get(0))
        self.assertNotIn(h, a)
        again = a.insert(b"x" * 8)
        self.assertEqual((again.index, again.generation > h.generation), (h.index, True))
        with self.assertRaises(copse.NotYet):
            before[a].get(again)
        with self.assertRaises(copse.Foreign):
            self.db.arena("b", record=8).get(again)
        self.assertEqual(len(a), 1)
        self.assertEqual(pickle.loads(pickle.dumps(again)), again)
        far = a.insert(b"y" * 8, 2**38)
        self.assertEqual(list(a.handles()), [again, far])
        with self.assertRaises(copse.KeyExists):
            a.insert(b"z" * 8, 2**38)

    def test_wrong_arguments(self):
        a = self.db.arena("a", record="f8")
        for where in ("x", 1.5, None):
            with self.subTest(where), self.assertRaises(TypeError):
                a.get(where)
        for where in (-1, 2**64):
            with self.subTest(where), self.assertRaises(IndexError):
                a.get(where)
        with self.says(TypeError, "number"):
            a.insert("x")
        with self.assertRaises(copse.ValueSize):
            self.db.arena("b", record=4).insert(b"12345")
        with self.says(TypeError, "one size"):
            self.db.arena("c", record="bytes")
        with self.assertRaises(copse.NoMap):
            self.db.arena("c")
        with self.assertRaises(copse.Layout):
            self.db.arena("a", record="u8")
        with self.assertRaises(copse.Layout):
            self.db.map("a")
        with self.db.snapshot() as s, self.says(TypeError, "read-only"):
            s[a].insert(1.5)
        with self.assertRaises(TypeError):
            iter(a)

    def test_structs_and_numbers(self):
        a = self.db.arena("a", record=struct.Struct("<Qd"))
        ids = a.append_many([(1, 0.5), (2, 1.5)])
        self.assertEqual((ids, a[0], a.get(1)), (range(2), (1, 0.5), (2, 1.5)))
        b = self.db.arena("b", record="u4" if numpy else "u32")
        b.insert(7)
        self.assertEqual((b[0], self.db.arena("b")[0]), (7, 7))

    def test_watch_and_diff(self):
        a = self.db.arena("a", record=4)
        before = self.db.snapshot()
        a.insert(b"1234")
        a.insert(b"5678")
        self.assertEqual([c.key for c in a.diff(before, self.db.snapshot())], [0, 1])
        watch = a.watch()
        a.insert(b"9999")
        self.assertEqual(watch.next().keys(), [2])
        batch = self.db.batch()
        batch.append(a, b"abcd")
        batch.commit("visible")
        self.assertEqual(a.get(3), b"abcd")

    def test_a_model(self):
        a, model, dead = self.db.arena("a", record="u64"), {}, []
        for step in range(2000):
            what = random.random()
            with self.db.write() as t:
                ta = t[a]
                if what < 0.5 or not model:
                    model[ta.insert(step)] = step
                elif what < 0.8:
                    h = random.choice(list(model))
                    ta.remove(h)
                    del model[h]
                    dead.append(h)
                else:
                    h = random.choice(list(model))
                    ta[h] = model[h] = step
        for h, value in model.items():
            self.assertEqual(a.get(h), value)
        for h in dead:
            with self.assertRaises(copse.Stale):
                a.get(h)
        self.assertEqual(set(a.handles()), set(model))


@needs_numpy
class Arrays(Test):
    def setUp(self):
        super().setUp()
        self.a = self.db.arena("a", record=M22)
        self.values = numpy.random.default_rng(1).random((5000, 2, 2)) + 1j

    def test_bulk(self):
        ids = self.a.append_many(self.values)
        self.assertEqual(ids, range(5000))
        with self.db.snapshot() as s:
            sa = s[self.a]
            self.assertTrue((sa.to_array() == self.values).all())
            self.assertTrue((sa.to_array(7, 4003) == self.values[7:4003]).all())
            out = numpy.empty((10, 2, 2), "c16")
            self.assertIs(sa.to_array(20, 30, out=out), out)
            self.assertTrue((out == self.values[20:30]).all())
            chunks = list(sa.chunks(100))
        self.assertTrue((numpy.concatenate([c for _, c in chunks]) == self.values[100:]).all())
        self.assertEqual(chunks[0][0], 100)
        for _, chunk in chunks:
            self.assertFalse(chunk.flags.writeable)
            with self.assertRaises(ValueError):
                chunk[0, 0, 0] = 1
            with self.assertRaises(ValueError):
                chunk.flags.writeable = True
        array = self.a.as_array(0, 100, copy=False)
        self.assertTrue((array == self.values[:100]).all())
        self.a.insert(numpy.eye(2))
        self.assertTrue((self.a.as_array()[-1] == numpy.eye(2)).all())
        with self.says(ValueError, "chunks()"):
            self.a.as_array(copy=False)

    def test_large_records(self):
        for side in (23, 32, 90):  # of 4 KiB and more
            with self.subTest(side):
                kind = numpy.dtype(("f8", (side, side)))
                a = self.db.arena(f"large{side}", record=kind)
                values = numpy.random.default_rng(2).random((5, side, side))
                a.append_many(values)
                again = self.db.arena(f"large{side}")
                self.assertEqual(again.dtype, kind)
                self.assertTrue((again.to_array() == values).all() and (again[3] == values[3]).all())
                with self.says(copse.Layout, "value"):
                    self.db.arena(f"large{side}", record=numpy.dtype(("u8", (side, side))))
        with self.assertRaises(copse.Argument):
            self.db.map("large", value=numpy.dtype(("f8", (32, 32))))

    def test_holes(self):
        self.a.append_many(self.values)
        self.a.remove(17)
        where, records = self.a.to_array(0, 5000, indexes=True)
        self.assertEqual(where.tolist(), [i for i in range(5000) if i != 17])
        self.assertTrue((records == numpy.delete(self.values, 17, 0)).all())
        out = numpy.zeros((30, 2, 2), "c16")
        self.assertEqual(len(self.a.to_array(10, 20, out=out)), 9)
        self.assertTrue((out[8] == self.values[19]).all() and not out[9].any())
        filled = self.a.to_array(10, 20, missing=numpy.eye(2))
        self.assertTrue((filled[7] == numpy.eye(2)).all())
        self.assertTrue((filled[8] == self.values[18]).all())
        self.assertEqual(len(self.a.to_array(0, 10000)), 4999)
        self.assertEqual(self.a.to_array(17, 18).shape, (0, 2, 2))
        with self.assertRaises(IndexError):
            self.a.to_array(5, 2)

    def test_wrong_shapes(self):
        for bad, error in ((self.values[0], ValueError), (self.values.reshape(-1, 4), ValueError),
                           (numpy.zeros((3, 2, 2), "O"), TypeError), (5, TypeError)):
            with self.subTest(str(bad)[:10]), self.assertRaises(error):
                self.a.append_many(bad)
        with self.says(ValueError, "(10, 2, 2)"):
            self.a.append_many(self.values[:10]) and self.a.to_array(0, 10, out=self.values[:3])
        self.assertEqual(self.a.append_many(self.values.real[:2]), range(10, 12))

    def test_reserve_and_publish(self):
        with self.a.reserve(1000) as r:
            r.array[:] = self.values[:1000]
            with self.db.write() as t:
                ids = t.publish(r)
            with self.says(copse.State, "published"), self.db.write() as t:
                t.publish(r)
            with self.says(copse.Closed, "published"):
                r.fill(self.values[:1])
        self.assertEqual(len(ids), 1000)
        self.assertTrue((self.a.to_array(ids[0], ids[-1] + 1) == self.values[:1000]).all())
        with self.a.reserve(10):
            pass
        self.assertEqual(len(self.a), 1000)
        with self.a.reserve(3000) as r:
            r.fill(self.values[:2500])
            r.fill(self.values[2500:2700], at=2500)
            with self.says(ValueError, "3000"):
                r.fill(self.values[:2], at=2999)
            with self.assertRaises(ZeroDivisionError), self.db.write() as t:
                t.publish(r)
                1 / 0
            with self.db.write() as t:
                ids = t.publish(r, 2700)
        self.assertTrue((self.a.to_array(ids[0], ids[-1] + 1) == self.values[:2700]).all())
        self.assertEqual(len(self.a), 3700)
        lost = self.a.reserve(10)
        pid = os.fork()
        if pid == 0:
            try:
                lost.fill(self.values[:1])
            except copse.Closed:
                os._exit(0)
            os._exit(1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        self.db.close()
        with self.assertRaises(copse.Closed):
            lost.fill(self.values[:1])
        with copse.open(self.path) as db:
            self.assertEqual(db.check().faults, [])


@needs_numpy
class Leases(Test):
    def setUp(self):
        super().setUp()
        self.a = self.db.arena("a", record=M22)
        self.values = numpy.arange(4000).reshape(1000, 2, 2) * (1 + 1j)
        self.a.append_many(self.values)
        self.m = self.db.map("m")
        self.m[b"k"] = self.big = os.urandom(3000)

    def churn(self):
        """Changes everything often enough for every page that may be reused to be."""
        for n in range(60):
            with self.db.write() as t:
                for i in range(0, 1000, 10):
                    t[self.a][i] = numpy.full((2, 2), -n - 1)
                t[self.m][b"k"] = b"%d" % n * 1500

    def test_nothing_dangles(self):
        kept = []
        with self.db.snapshot() as s:
            kept += [s[self.a][i] for i in range(0, 1000, 7)]
            chunks = list(s[self.a].chunks())
            value = s[self.m].view(b"k")
        part, again = chunks[0][1][3:50:2, 0], self.a[500]
        memory = memoryview(value)
        self.churn()
        gc.collect()
        self.assertEqual(value, self.big)
        self.assertEqual(bytes(memory[5:10]), self.big[5:10])
        self.db.close()
        copse.open(self.path).close()
        self.assertTrue((numpy.concatenate([c for _, c in chunks]) == self.values).all())
        for i, array in zip(range(0, 1000, 7), kept):
            self.assertTrue((array == self.values[i]).all())
        self.assertTrue((part == self.values[3:50:2, 0]).all())
        self.assertTrue((again == self.values[500]).all())
        del value, chunks
        self.assertEqual(bytes(memory), self.big)

    def test_in_forks(self):
        array, (chunk,) = self.a[3], [c for _, c in self.a.chunks(0, 10)]
        pid = os.fork()
        if pid == 0:
            ok = False
            try:
                self.churn()
                ok = (array == self.values[3]).all() and (chunk == self.values[:10]).all()
            finally:
                os._exit(0 if ok else 1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        self.churn()
        self.assertTrue((chunk == self.values[:10]).all())

    def test_values(self):
        value = self.m.view(b"k")
        self.assertEqual((len(value), value[7], bytes(value[1:4])),
                         (3000, self.big[7], self.big[1:4]))
        self.assertEqual((hash(value), pickle.loads(pickle.dumps(value))),
                         (hash(self.big), self.big))
        self.assertTrue(value == self.big and value < b"\xff" * 4000 and value != b"")
        self.assertEqual({value: 1}[self.big], 1)
        self.assertTrue(memoryview(value).readonly)
        self.assertFalse(gc.is_tracked(value))
        self.assertFalse(value.copied)
        self.assertTrue(self.m.view(b"k", policy="copy").copied)
        self.assertEqual(self.m.view(b"none", 5), 5)
        with self.assertRaises(TypeError):
            copse.Value()
        numbers = self.db.map("n", value="f64")
        numbers[b"a"] = 1.5
        self.assertEqual(numbers.view(b"a"), 1.5)
        t = numpy.dtype([("x", "u4"), ("y", "f8", (6,))])
        records = self.db.map("r", value=t)
        records[b"a"] = (1, range(6))
        record = records.view(b"a")
        self.assertEqual((record["x"], record["y"].tolist()), (1, list(range(6))))
        with self.assertRaises(ValueError):
            record["x"] = 2

    def test_what_a_transaction_lends_is_copied(self):
        with self.db.write() as t:
            value, array = t[self.m].view(b"k"), t[self.a][1]
            t[self.m][b"k"] = b"y" * 3000
            t[self.a][1] = numpy.eye(2)
            self.assertEqual(value, self.big)
            self.assertTrue((array == self.values[1]).all())
            with self.assertRaises(copse.State):
                t[self.m].view(b"k", policy="error")

    def test_bounds(self):
        before = self.db.leases().leases
        value = self.m.view(b"k")
        self.assertEqual(self.db.leases().leases, before + 1)
        self.assertEqual(self.db.stats().leases.leases, before + 1)
        self.db.lease_bounds(max_bytes=1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with self.says(ResourceWarning, "copied"):
                self.m.view(b"k")
            warnings.simplefilter("ignore")
            self.assertTrue(self.m.view(b"k").copied)
        with self.assertRaises(copse.Lease):
            self.m.view(b"k", policy="error")
        del value
        self.assertEqual(self.db.leases().leases, before)

    def test_handles_travel(self):
        again = pickle.loads(pickle.dumps(self.a))
        self.addCleanup(again.store.close)
        self.assertTrue((again[7] == self.values[7]).all())
        self.assertIs(pickle.loads(pickle.dumps(self.a)), again)
        with self.assertRaises(TypeError):
            pickle.dumps(self.db.snapshot()[self.a])


if __name__ == "__main__":
    main()
