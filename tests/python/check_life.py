"""How interpreters end: exits with everything open, threads in waits, subinterpreters; collection."""
import gc
import subprocess
import sys
import unittest
import weakref

import copse
from support import Test, main, needs_numpy, numpy


class Exits(Test):
    def run_it(self, program):
        done = subprocess.run([sys.executable, "-c", program, self.path], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120)
        self.assertEqual((done.returncode, done.stdout), (0, "end\n"))
        self.assertEqual(self.db.check().faults, [])

    OPEN = """
import copse, sys, threading
db = copse.open(sys.argv[1])
m = db.map("m")
m[b"k"] = b"x" * 5000
s = db.snapshot(); sm = s[m]; walk = iter(sm); next(walk)
value = sm.view(b"k"); view = memoryview(value)
a = db.arena("a", record=64); a.insert(b"y" * 64); record = a[0]
batch = db.batch(); batch.put(m, b"b", b"")
watch = m.watch(); room = a.reserve(10)
"""

    def test_with_everything_open(self):
        self.run_it(self.OPEN + "t = db.write(); tm = t[m]; tm[b'lost'] = b''\nprint('end')")
        self.assertEqual(list(self.db.map("m")), [b"k"])

    def test_in_cycles(self):
        self.run_it(self.OPEN + """
class Loop: pass
loop = Loop(); loop.me = loop; loop.all = [db, m, s, sm, walk, value, view, a, record, batch, watch]
db.loop = loop; watch.loop = loop
del db, m, s, sm, walk, value, view, a, record, batch, watch, loop
print('end')""")

    def test_while_threads_wait(self):
        self.run_it(self.OPEN + """
def wait():
    try:
        watch.next()
    except copse.Error:
        pass
threading.Thread(target=wait, daemon=True).start()
threading.Thread(target=lambda: [m.put(b"n", b"") for _ in range(10**9)], daemon=True).start()
print('end')""")

    @needs_numpy
    def test_arrays_that_outlive_it(self):
        self.run_it("""
import copse, sys, numpy, atexit
db = copse.open(sys.argv[1])
a = db.arena("n", record=numpy.dtype(("f8", 16)))
a.append_many(numpy.ones((100, 16)))
kept = [c for _, c in a.chunks()]
db.close()
sys.kept = kept
atexit.register(lambda: print("end" if sum(c.sum() for c in kept) == 1600 else "wrong"))
""")

    def test_subinterpreters(self):
        self.run_it("""
import sys, _xxsubinterpreters as interpreters
program = '''
import copse
db = copse.open({!r})
m = db.map("m")
m[b"a"] = b"1"
with db.snapshot() as s:
    assert list(s[m]) == [b"a"]
try:
    m["x"]
except TypeError:
    pass
'''.format(sys.argv[1])
import copse
here = copse.open(sys.argv[1])
for _ in range(3):
    one = interpreters.create()
    interpreters.run_string(one, program)
    interpreters.destroy(one)
assert here.map("m")[b"a"] == b"1"
print("end")
""")


class Collection(Test):
    def test_nothing_is_kept(self):
        m = self.db.map("m")
        m[b"k"] = b"x" * 1000
        db = copse.open(self.path)
        there = weakref.ref(db)
        things = [db.snapshot(), db.map("m"), db.map("m").view(b"k"), iter(db.map("m")), db.batch(),
                  db.write()]
        things[-1].abort()
        del things, db
        gc.collect()
        self.assertIsNone(there())
        self.assertEqual(self.db.stats().snapshots, 0)

    def test_a_million_leased_values_end_quickly_and_leave_no_garbage(self):
        m = self.db.map("m", key="u64", value=64)
        m.put_many(range(1000), [b"x" * 64] * 1000)
        before = self.db.leases().leases
        with self.db.snapshot() as s:
            values = [s[m].view(i % 1000) for i in range(20000)]
            self.assertFalse(any(map(gc.is_tracked, values)))
        self.assertEqual(self.db.leases().leases, before + 20000)
        del values
        self.assertEqual(self.db.leases().leases, before)

    def test_references_are_counted(self):
        m = self.db.map("m", key="tuple", value="f64")
        a = self.db.arena("a", record=8)

        def work():
            for i in range(100):
                m[("x", i, None, 2**70)] = 0.5
                a.insert(b"12345678")
            list(m), list(m.items()), m.multiget([("x", 1, None, 2**70)]), m.first(), a[5], a.get(3)
            for wrong in (lambda: m["x"], lambda: m[("y",)], lambda: a.get("x"), lambda: a.insert(b""),
                          lambda: m.put((1,), "x"), lambda: m.put_many([(1,)], []),
                          lambda: m[(object(),)], lambda: a[10**9], lambda: a.append_many([1])):
                try:
                    wrong()
                except (TypeError, KeyError, ValueError, IndexError, copse.Error):
                    pass
            with self.db.write() as t, t.savepoint():
                t[m].clear()

        for _ in range(3):
            work()
        gc.collect()
        before = sys.getallocatedblocks()
        for _ in range(20):
            work()
        gc.collect()
        self.assertLess(sys.getallocatedblocks() - before, 1000)


if __name__ == "__main__":
    main()
