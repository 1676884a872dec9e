"""Stores, snapshots and transactions: what is seen when, and what ends what."""
import os
import threading
import unittest

import copse
from support import Test, main


class Transactions(Test):
    def test_all_or_nothing(self):
        m = self.db.map("m")
        with self.db.write() as t:
            t[m][b"a"] = b"1"
            self.assertEqual(t[m][b"a"], b"1")
            self.assertNotIn(b"a", m)
        self.assertIn(b"a", m)
        with self.assertRaises(ZeroDivisionError), self.db.write() as t:
            t[m][b"b"] = b"1"
            1 / 0
        self.assertNotIn(b"b", m)
        t = self.db.write()
        t[m][b"c"] = b"1"
        t.abort()
        t.abort()
        self.assertNotIn(b"c", m)
        with self.db.write() as t:
            t[m][b"d"] = b"1"
            version = t.commit()
        self.assertEqual(self.db.version, version)

    def test_savepoints_nest(self):
        m = self.db.map("m")
        with self.db.write() as t:
            with t.savepoint():
                t[m][b"a"] = b""
                with self.assertRaises(ValueError), t.savepoint():
                    t[m][b"b"] = b""
                    raise ValueError
                self.assertEqual(list(t[m]), [b"a"])
            with self.assertRaises(ValueError), t.savepoint():
                t[m][b"c"] = b""
                raise ValueError
        self.assertEqual(list(m), [b"a"])

    def test_a_snapshot_does_not_change(self):
        m = self.db.map("m")
        with self.db.snapshot() as s:
            m[b"a"] = b""
            self.assertEqual(len(s["m"]), 0)
            self.assertTrue(s.refresh())
            self.assertFalse(s.refresh())
            self.assertEqual(len(s[m]), 1)
            self.assertEqual(s.version, self.db.version)
            with self.says(TypeError, "read-only", "write()"):
                s[m][b"a"] = b""
        with self.says(copse.Closed, "snapshot"):
            s[m][b"a"]

    def test_what_has_ended_says_so(self):
        m = self.db.map("m")
        m[b"a"] = b""
        t = self.db.write()
        tm = t[m]
        t.commit()
        for use in (t.commit, lambda: tm[b"a"], lambda: tm.put(b"a", b""), lambda: list(tm)):
            with self.says(copse.Closed, "transaction"):
                use()
        s = self.db.snapshot()
        sm, walk = s[m], iter(s[m])
        self.db.close()
        self.db.close()
        for use in (lambda: m[b"a"], lambda: sm[b"a"], lambda: next(walk), self.db.snapshot,
                    self.db.write, lambda: self.db.version, lambda: self.db.map("m"), s.refresh,
                    lambda: len(m)):
            with self.says(copse.Closed, "store"):
                use()
        s.close()
        self.assertTrue(self.db.closed and s.closed and t.closed)

    def test_closing_ends_an_open_transaction(self):
        m = self.db.map("m")
        t = self.db.write()
        t[m][b"a"] = b""
        self.db.close()
        with self.assertRaises(copse.Closed):
            t.commit()
        with copse.open(self.path) as db:
            self.assertEqual(len(db.map("m")), 0)

    def test_a_second_transaction_in_a_thread(self):
        with self.db.write(), self.says(copse.State, "savepoint"):
            self.db.write()

    def test_a_time_limit(self):
        with self.db.write():
            caught = []

            def wait():
                for limit in (0, 0.01):
                    try:
                        self.db.write(timeout=limit)
                    except copse.Timeout as error:
                        caught.append(error)

            thread = threading.Thread(target=wait)
            thread.start()
            thread.join()
            self.assertEqual(len(caught), 2)
            self.assertIsInstance(caught[0], TimeoutError)

    def test_writers_of_many_threads_wait_for_one_another(self):
        m = self.db.map("m", key="u64", value="u64")
        m[0] = 0

        def count():
            for _ in range(200):
                with self.db.write() as t:
                    t[m][0] += 1

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(m[0], 800)


class Stores(Test):
    def test_opening(self):
        with self.assertRaises(copse.NoStore):
            copse.open(self.path + "-other")
        with self.assertRaises(FileNotFoundError):
            copse.open(self.path + "-other")
        with self.assertRaises(copse.StoreExists):
            copse.open(self.path, create=True, exclusive=True)
        with open(os.path.join(self.folder, "text"), "w") as file:
            file.write("no store" * 1000)
        with self.assertRaises(copse.NotAStore):
            copse.open(os.path.join(self.folder, "text"))
        with self.says(ValueError, "'lazy'"):
            copse.open(self.path, durability="some")

    def test_read_only(self):
        self.db.map("m")[b"a"] = b"1"
        with copse.open(self.path, read_only=True) as db:
            m = db.map("m")
            self.assertEqual(m[b"a"], b"1")
            for use in (lambda: m.put(b"b", b""), db.write):
                with self.assertRaises(copse.ReadOnly):
                    use()
            with self.assertRaises(copse.NoMap):
                db.map("other")

    def test_exhausted(self):
        with copse.open(self.path + "-small", create=True, max_bytes=1 << 20) as db:
            m = db.map("m", key="u64")
            with self.assertRaises(copse.NoSpace):
                for i in range(1000):
                    m[i] = b"x" * 10000
            self.assertEqual(list(m), list(range(len(m))))

    def test_several_files(self):
        path = self.path + "-spread"
        with copse.open(path, create=True, max_bytes=64 << 20, file_bytes=1 << 20) as db:
            m = db.map("m", key="u64")
            for i in range(40):
                m[i] = bytes([i]) * 100000
            self.assertGreaterEqual(db.stats().files, 4)
            self.assertEqual(db.stats().file_max_bytes, 1 << 20)
        os.rename(path + "-data-2", path + "-kept")
        with self.says(copse.Error, "-data-2"):
            copse.open(path)
        os.rename(path + "-kept", path + "-data-2")
        with copse.open(path) as db:
            self.assertEqual(db.map("m", key="u64")[39], bytes([39]) * 100000)
        copse.remove(path)
        self.assertFalse(os.path.exists(path + "-data-1"))

    def test_anonymous(self):
        with copse.open(None) as db:
            db.map("m")[b"a"] = b"1"
            self.assertEqual(db.map("m")[b"a"], b"1")

    def test_removing(self):
        path = self.path + "-removed"
        copse.open(path, create=True).close()
        copse.remove(path)
        with self.assertRaises(copse.NoStore):
            copse.remove(path)

    def test_two_handles_of_one_store(self):
        with copse.open(self.path) as other:
            m = self.db.map("m")
            m[b"a"] = b"1"
            self.assertEqual(other.map("m")[b"a"], b"1")
            with other.snapshot() as s, self.says(TypeError, "another"):
                s[m]


if __name__ == "__main__":
    main()
