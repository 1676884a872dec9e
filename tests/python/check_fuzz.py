"""Random calls with random arguments, in several threads too: exceptions, never a crash; what was read
without a copy stays as it was; the store is sound in the end.

Replay: COPSE_TEST_SEED. For longer: COPSE_FUZZ_SECONDS, for each test."""
import gc
import os
import pickle
import random
import resource
import struct
import threading
import time
import unittest
import warnings

import copse
from copse.compat import acid
from support import SEED, TIER, Test, main, numpy

STEPS = {"check": 8000, "test": 30000, "full": 400000}.get(TIER, 8000)
SECONDS = float(os.environ.get("COPSE_FUZZ_SECONDS", 0))
# What wrong use may raise. SystemError, RecursionError and the like are none of these.
ALLOWED = (copse.Error, TypeError, ValueError, KeyError, IndexError, OverflowError, RuntimeError,
           AttributeError, BufferError, StopIteration, MemoryError, pickle.PicklingError)
NUMBERS = (0, 1, 2, 7, 300, 2**31, 2**32, 2**48, 2**63, 2**64 - 1, 2**64, -1, -2**63 - 1, 10**400)


class Fuzzer:
    def __init__(self, path, seed):
        self.path, self.random = path, random.Random(seed)
        self.arrays = path + "-arrays"
        self.db = copse.open(path)
        self.pool = [self.db]  # objects to call
        self.kept = []  # (what was lent, its bytes)
        self.open = []  # transactions: a map that is bound to one keeps it, too

    def __del__(self):
        self.pool = self.kept = None

    # --- arguments -----------------------------------------------------------------------

    def key(self):
        r = self.random
        return r.choice((
            lambda: r.choice(NUMBERS), lambda: r.randrange(20), lambda: r.randrange(20),
            lambda: r.randbytes(r.choice((0, 1, 1, 2, 8, 1024, 1025))),
            lambda: ("H",) * r.randrange(4), lambda: (r.randrange(9), "x", None), lambda: ((),) * 3,
            lambda: "text", lambda: None, lambda: 1.5, lambda: float("nan"),
            lambda: copse.Handle(r.randrange(9), r.randrange(9), r.randrange(4)),
            lambda: r.choice(self.handles() or [0]), lambda: copse.Key("H", r.randrange(9)),
            lambda: r.choice([t for t in self.pool if isinstance(t, copse.Key)] or [()])))()

    def handles(self):
        return [thing for thing in self.pool if isinstance(thing, copse.Handle)]

    def value(self):
        r = self.random
        choices = [lambda: r.randbytes(r.choice((0, 4, 8, 33, 600, 5000))), lambda: r.choice(NUMBERS),
                   lambda: 0.5, lambda: 1j, lambda: None, lambda: "text", lambda: (1, 0.5),
                   lambda: bytearray(8), lambda: memoryview(b"12345678")[::2], lambda: [1, [2]]]
        if numpy is not None:
            choices += [lambda: numpy.ones((2, 2), "c16"), lambda: numpy.ones((2, 2)).T,
                        lambda: numpy.zeros((3, 2, 2), "c16"), lambda: numpy.zeros(0),
                        lambda: numpy.float32(1), lambda: numpy.array(["x", None], object)]
        choices.append(lambda: r.choice(self.kept)[0] if self.kept else b"")
        return r.choice(choices)()

    def thing(self):
        return self.random.choice(self.pool)

    def passed(self):
        """Not a watch: who iterates over one waits for commits."""
        thing = self.thing()
        return None if isinstance(thing, copse.Watch) else thing

    def argument(self):
        return self.random.choice((self.key, self.value, self.key, self.value, self.passed, list,
                                   lambda: [self.key() for _ in range(3)],
                                   lambda: [self.value() for _ in range(3)],
                                   lambda: range(3), lambda: 0.0))()

    # --- calls ---------------------------------------------------------------------------

    def keep(self, thing):
        """Remembers what was lent and how it was."""
        if isinstance(thing, copse.Value) or numpy is not None and \
                isinstance(thing, numpy.ndarray) and not thing.flags.writeable:
            try:
                self.kept.append((thing, bytes(memoryview(thing).cast("B")) if isinstance(
                    thing, copse.Value) else thing.tobytes()))
            except (BufferError, ValueError):
                pass
        if isinstance(thing, (copse.Map, copse.Arena, copse.Snapshot, copse.Txn, copse.Cursor,
                              copse.Batch, copse.Handle, copse.Reservation, copse.Ticket, copse.Key,
                              copse.Value, copse.Event, copse.Watch)):
            self.pool.append(thing)
        elif isinstance(thing, (tuple, list)):
            for part in thing[:8]:
                self.keep(part)

    def grow(self):
        """Calls that are right, so that there is something to call."""
        r, db = self.random, self.db
        kinds = [None, 8, "u64", "f64", "c64", struct.Struct("<Qd")]
        if numpy is not None:
            kinds += [numpy.dtype(("c16", (2, 2))), numpy.dtype([("a", "u4"), ("b", "f8", 3)])]
        kind = r.randrange(len(kinds))
        views = [t for t in self.pool if isinstance(t, (copse.Snapshot, copse.Txn))]
        boxes = [t for t in self.pool if isinstance(t, (copse.Map, copse.Arena))]
        r.choice((
            lambda: self.keep(db.map(f"m{kind}{(k := r.choice(('bytes', 'u64', 'tuple')))}", k,
                                     kinds[kind])),
            lambda: self.keep(db.arena(f"a{kind}", kinds[kind])),
            lambda: self.keep(db.snapshot(oustable=r.random() < 0.2)),
            self.write,
            lambda: self.keep(db.batch()),
            lambda: views and boxes and self.keep(r.choice(views)[r.choice(boxes)]),
            lambda: boxes and self.keep(r.choice(boxes).watch()),
            lambda: self.keep(copse.Key(*[self.key() for _ in range(r.randrange(4))])),
            self.function, self.function,
        ))()

    def function(self):
        """One of the package's, with things that it may be for."""
        r = self.random
        boxes = [t for t in self.pool if isinstance(t, (copse.Map, list))] or [[]]
        columns = (None, None, slice(0, 8), slice(3, 1), "a", "value", 5)
        pair = [r.choice((lambda: r.choice(boxes), self.argument))() for _ in range(2)]
        raw = r.choice((b"", b"\x15\x01", b"\x15\x01\x66\x02x\0", r.randbytes(9), self.argument()))
        found = r.choice((
            lambda: copse.merge_join(*pair),
            lambda: copse.hash_join(*pair, r.choice(columns), r.choice(columns)),
            lambda: copse.Key.from_raw(raw, r.choice((None, b"", b"\x15")), self.passed()),
            lambda: copse.KeyList.from_raw(b"", raw, self.passed()),
            lambda: copse.Key.from_hex(r.choice(("1501", "15", "x", self.argument()))),
            lambda: copse.pack(self.argument()), lambda: copse.unpack(raw),
            lambda: acid.unpack_list(raw), lambda: acid.pack_list([self.argument()]),
            # Not kept: another handle of the store, whose writes wait for this thread's transaction.
            lambda: (pickle.loads(pickle.dumps(self.thing())), None)[1],
            lambda: (memoryview(self.thing())[1:], self.thing()[1:3]),
            lambda: numpy is not None and copse.save(self.arrays, self.key(), self.value()),
            lambda: numpy is not None and copse.load(self.arrays, self.key()),
        ))()
        self.keep(found)
        if hasattr(found, "__next__") and not isinstance(found, (copse.Watch, copse.Event)):
            self.keep([next(found) for _ in range(3)])

    def write(self):
        self.open.append(self.db.write(timeout=0))
        self.keep(self.open[-1])

    METHODS = ("get", "put", "insert", "replace", "append", "discard", "pop", "compare_and_set",
               "multiget", "gather", "put_many", "append_many", "view", "range", "prefix", "cursor",
               "first", "last", "floor", "ceiling", "delete_range", "next", "prev", "seek", "close",
               "commit", "abort", "refresh", "savepoint", "handle", "remove", "update", "to_array",
               "as_array", "chunks", "handles", "reserve", "publish", "delete", "clear", "token",
               "outcome", "cancel", "keys", "maps", "stats", "readers", "diff", "rename", "drop",
               "leases", "sync", "__getitem__", "__contains__", "__len__", "__delitem__",
               "__setitem__", "__next__", "__repr__", "_change", "_bind", "_savepoint", "_append",
               "_fill", "_chunk", "_cursor", "_put_many", "_gather", "_multiget", "_diff", "_put",
               "_put_parts", "_delete_range", "_wait", "to_raw", "to_hex", "prefix_bound", "__add__",
               "__hash__", "__eq__", "__lt__", "__bytes__", "__reduce__", "__iter__", "__enter__",
               "fill", "_write", "indexes", "items", "values", "array", "combine", "copied", "mode")
    BLOCKING = ("next", "__next__", "outcome", "commit", "combine", "_wait", "__enter__")

    def call(self):
        thing, name = self.thing(), self.random.choice(self.METHODS)
        if name in self.BLOCKING and isinstance(thing, (copse.Watch, copse.Ticket, copse.Store)):
            return
        if name in ("close", "rename", "drop", "clear") and (
                isinstance(thing, copse.Store) or self.random.random() < 0.9):
            return
        if isinstance(thing, copse.Store) and name == "write":
            return
        method = getattr(thing, name, None)
        if not callable(method):
            return
        arguments = [self.argument() for _ in range(self.random.choice((0, 1, 1, 2, 2, 3, 6, 9)))]
        result = method(*arguments)
        self.keep(result)
        if hasattr(result, "__next__") and not isinstance(result, (copse.Watch, copse.Event)):
            for _ in range(3):
                self.keep(next(result))

    def step(self):
        try:
            if self.random.random() < 0.25 or len(self.pool) < 4:
                self.grow()
            else:
                self.call()
        except ALLOWED:
            pass
        if len(self.pool) > 40:
            del self.pool[self.random.randrange(1, len(self.pool))]
        if len(self.kept) > 200:
            del self.kept[self.random.randrange(len(self.kept))]
        if self.random.random() < 0.01:
            self.look()
            gc.collect()

    def look(self):
        for thing, content in self.kept:
            now = bytes(thing) if isinstance(thing, copse.Value) else thing.tobytes()
            assert now == content, f"what was lent has changed: {thing!r}"

    def end_transactions(self):
        while self.open:
            self.open.pop(0).abort()


def steps(count):
    """So many, or as many as there is time for."""
    end = time.monotonic() + SECONDS
    yield from range(count)
    while time.monotonic() < end:
        yield from range(count, count + 50)


class Fuzz(Test):
    def setUp(self):
        super().setUp()
        warnings.simplefilter("ignore", ResourceWarning)
        warnings.simplefilter("ignore", DeprecationWarning)  # numpy's, of what is no truth value
        # What is asked for may be as large as numbers are: not from the machine. The address sanitizer has a
        # bound of its own (test_python.py), and needs more itself.
        if "LD_PRELOAD" not in os.environ:
            limits = resource.getrlimit(resource.RLIMIT_DATA)
            self.addCleanup(resource.setrlimit, resource.RLIMIT_DATA, limits)
            resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, limits[1]))
        self.path += "-bounded"
        self.db = copse.open(self.path, create=True, max_bytes=128 << 20)
        self.addCleanup(self.db.close)

    def test_random_calls(self):
        fuzzer = Fuzzer(self.path, SEED)
        for step in steps(STEPS):
            fuzzer.step()
            if step % 50 == 0:
                fuzzer.end_transactions()
        fuzzer.look()
        fuzzer.db.close()
        for _ in range(200):  # everything that rests on a closed store
            fuzzer.step()
        fuzzer.look()
        self.assertEqual(self.db.check().faults, [])

    def test_random_calls_in_threads(self):
        fuzzers = [Fuzzer(self.path, SEED + n) for n in range(3)]
        for fuzzer in fuzzers[1:]:
            fuzzer.pool, fuzzer.db, fuzzer.open = fuzzers[0].pool, fuzzers[0].db, fuzzers[0].open
        wrong = []

        def run(fuzzer):
            try:
                for _ in steps(STEPS // 4):
                    fuzzer.step()
            except BaseException as error:
                wrong.append(error)
                raise

        threads = [threading.Thread(target=run, args=(f,)) for f in fuzzers]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.05)
                fuzzers[0].end_transactions()
        for fuzzer in fuzzers:
            fuzzer.look()
            fuzzer.db.close()
        self.assertEqual(wrong, [])
        self.assertEqual(self.db.check().faults, [])


if __name__ == "__main__":
    main()
