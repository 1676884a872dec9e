"""Fork, spawn and forkserver; pools; pickled handles; threads."""
import concurrent.futures
import multiprocessing
import os
import pickle
import threading
import unittest

import copse
from support import Test, main, needs_numpy, numpy


def add(argument):
    counts, number = argument
    with counts.store.write() as t:
        t[counts][("sum",)] += number
        t[counts][(os.getpid(), number)] = number
    return counts.get(("sum",)) >= number


def keep(argument):
    path, number = argument
    copse.save(path, ("row", number), numpy.full((3, number), number))
    return copse.load(path, ("row", number)).shape


class Pools(Test):
    def count_in(self, pool):
        counts = self.db.map("counts", key="tuple", value="u64")
        counts[("sum",)] = 0
        done = list(pool.map(add, [(counts, n) for n in range(1, 41)]))
        self.assertTrue(all(done))
        self.assertEqual(counts[("sum",)], 820)
        self.assertEqual(len(counts), 41)

    def test_multiprocessing(self):
        for method in ("fork", "spawn", "forkserver"):
            with self.subTest(method):
                self.db.map("counts", key="tuple", value="u64").clear()
                with multiprocessing.get_context(method).Pool(2) as pool:
                    self.count_in(pool)

    def test_concurrent_futures(self):
        context = multiprocessing.get_context("fork")
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
            self.count_in(pool)
        self.db.map("counts").clear()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            self.count_in(pool)

    @needs_numpy
    def test_save_and_load_in_a_pool(self):
        path = os.path.join(self.folder, "arrays")
        with multiprocessing.get_context("fork").Pool(3) as pool:
            shapes = pool.map(keep, [(path, n) for n in range(20)])
        self.assertEqual(shapes, [(3, n) for n in range(20)])
        self.assertEqual(copse.saved(path), [("row", n) for n in range(20)])


class Forks(Test):
    def in_child(self, function):
        """What the function returned in a forked child, which ends by itself."""
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.write(write, pickle.dumps(function()))
            except BaseException as error:
                os.write(write, pickle.dumps(f"{type(error).__name__}: {error}"))
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as file:
            answer = pickle.load(file)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        return answer

    def test_a_child_goes_on_with_handles_and_snapshots(self):
        m = self.db.map("m")
        m[b"a"] = b"1"
        snapshot = self.db.snapshot()
        walk = iter(snapshot[m])
        m[b"b"] = b"2"

        def child():
            m[b"c"] = b"3"
            return dict(snapshot[m]), list(walk), dict(m)

        self.assertEqual(self.in_child(child), (
            {b"a": b"1"}, [b"a"], {b"a": b"1", b"b": b"2", b"c": b"3"}))
        self.assertEqual(len(m), 3)

    def test_a_transaction_stays_with_the_parent(self):
        m = self.db.map("m")
        t = self.db.write()
        t[m][b"a"] = b""

        def child():
            try:
                t[m].put(b"b", b"")
            except copse.Forked:
                t.abort()
                return "forked"

        self.assertEqual(self.in_child(child), "forked")
        t.commit()
        self.assertEqual(list(m), [b"a"])

    def test_a_fork_while_other_threads_are_inside(self):
        m = self.db.map("m", key="u64")
        watch, stop = m.watch(), threading.Event()
        shared = self.db.snapshot()

        def wait():
            try:
                watch.next()
            except copse.Cancelled:
                pass

        def read():
            while not stop.is_set():
                shared[m].multiget(list(range(1000)))

        threads = [threading.Thread(target=wait), threading.Thread(target=read)]
        for thread in threads:
            thread.start()

        def child():
            m[1] = b"x"
            try:
                shared[m].get(1)
            except copse.Error:
                pass  # the other thread was in the middle of using it
            answer = dict(m)
            self.db.close()
            return answer

        for _ in range(10):
            self.assertEqual(self.in_child(child), {1: b"x"})
        stop.set()
        watch.cancel()
        for thread in threads:
            thread.join()


class Pickles(Test):
    def test_handles(self):
        m = self.db.map("m", key="u64", value="f64")
        m[1] = 0.5
        again = pickle.loads(pickle.dumps(m))
        self.addCleanup(again.store.close)
        self.assertEqual((again[1], again.key, again.value), (0.5, "u64", "f64"))
        self.assertIs(pickle.loads(pickle.dumps(m)), again)
        self.assertIs(pickle.loads(pickle.dumps(self.db)), again.store)
        for thing in (self.db.snapshot(), self.db.snapshot()[m], m.watch(), iter(m)):
            with self.subTest(thing), self.assertRaises(TypeError):
                pickle.dumps(thing)
        with self.assertRaises(TypeError):
            pickle.dumps(copse.open(None))

    def test_another_store_at_the_path(self):
        data = pickle.dumps(self.db.map("m"))
        self.db.close()
        copse.remove(self.path)
        with self.assertRaises(copse.NoStore):
            pickle.loads(data)
        copse.open(self.path, create=True).close()
        with self.says(copse.State, "another store"):
            pickle.loads(data)

    @needs_numpy
    def test_dtypes_travel(self):
        m = self.db.map("m", value=numpy.dtype(("f4", (2, 3))))
        again = pickle.loads(pickle.dumps(m))
        self.addCleanup(again.store.close)
        self.assertEqual(again.value, m.value)

    def test_errors(self):
        try:
            self.db.map("m", create=False)
        except copse.NoMap as error:
            again = pickle.loads(pickle.dumps(error))
            self.assertEqual((type(again), str(again), again.code),
                             (copse.NoMap, str(error), error.code))


class Threads(Test):
    def test_one_snapshot_and_one_handle_in_many_threads(self):
        m = self.db.map("m", key="u64", value="u64")
        m.put_many(list(range(1000)), list(range(1000)))
        snapshot, wrong = self.db.snapshot(), []

        def read(seed):
            for i in range(300):
                if snapshot[m][i] != i or snapshot[m].multiget([i, i + 1])[1] != i + 1:
                    wrong.append(i)
                m[2000 + seed] = i

        threads = [threading.Thread(target=read, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(len(m), 1004)


if __name__ == "__main__":
    main()
