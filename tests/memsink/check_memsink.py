"""memsink: sinks of the example, and hostile ones, over a source whose memory dies at each step."""
import gc
import os
import random
import resource
import subprocess
import sys
import threading
import unittest

import hostile
import memsink
import sink

SEED = int(os.environ.get("COPSE_TEST_SEED") or random.randrange(1 << 32))
ITEMS = [b"item %06d" % i for i in range(50)]


class Unraisable:
    """What is told to sys.unraisablehook inside of the with statement."""

    def __enter__(self):
        self.told = []
        self.before = sys.unraisablehook
        sys.unraisablehook = lambda what: self.told.append(what.exc_value)
        return self.told

    def __exit__(self, *_):
        sys.unraisablehook = self.before


class Sinks(unittest.TestCase):
    def test_the_header_is_where_it_is_said_to_be(self):
        self.assertTrue(os.path.exists(os.path.join(memsink.get_include(), "memsink.h")))
        # py-lmdb and Acid look here.
        self.assertEqual(memsink.get_include(), os.path.dirname(memsink.__file__))

    def test_each_step_moves_what_is_kept(self):
        kept = []
        for tape in sink.Tape(ITEMS):
            s = tape.slice(0, 11)
            self.assertTrue(s.shared)
            self.assertEqual(bytes(s), ITEMS[len(kept)])
            kept.append(s)
            self.assertFalse(any(s.shared for s in kept[:-1]))
        self.assertEqual([bytes(s) for s in kept], ITEMS)

    def test_many_on_one_memory(self):
        tape = sink.Tape([bytes(range(256)) * 4, b""])
        next(tape)
        kept = [(tape.slice(a, b), a, b) for a in range(0, 1024, 7) for b in range(a, 1024, 101)]
        next(tape)
        for s, a, b in kept:
            self.assertEqual(bytes(s), (bytes(range(256)) * 4)[a:b])
            self.assertFalse(s.shared)
        random.shuffle(kept)
        while kept:  # the block goes with the last one
            kept.pop()

    def test_sinks_killed_in_any_order(self):
        for order in (0, -1, 1):
            tape = sink.Tape([b"abcdef", b"x"])
            next(tape)
            kept = [tape.slice(i, i + 1) for i in range(6)]
            while len(kept) > 2:
                del kept[order % len(kept)]
            meant = [bytes(s) for s in kept]
            next(tape)
            self.assertEqual([bytes(s) for s in kept], meant)

    def test_the_source_lives_as_long_as_a_sink_rests_on_it(self):
        tape = sink.Tape([b"abc"])
        next(tape)
        s = tape.slice(0, 3)
        del tape
        gc.collect()
        self.assertEqual(bytes(s), b"abc")
        self.assertTrue(s.shared)

    def test_listed_twice(self):
        tape, other = sink.Tape([b"abc", b"def"]), sink.Tape([b"ghi"])
        next(tape), next(other)
        s, t = tape.slice(0, 3), tape.slice(1, 2)
        for source in (tape, other):
            with self.assertRaisesRegex(RuntimeError, "listens already"):
                hostile.listen(source, s)
        next(tape)
        self.assertEqual((bytes(s), bytes(t)), (b"abc", b"b"))

    def test_cancelled_before_twice_and_never_listed(self):
        tape = sink.Tape([b"abc", b"def"])
        next(tape)
        s, t, u = (tape.slice(i, i + 1) for i in range(3))
        hostile.cancel(tape, t)
        hostile.cancel(tape, t)
        hostile.listen(tape, t)
        hostile.cancel(tape, tape)
        next(tape)
        self.assertEqual([bytes(x) for x in (s, t, u)], [b"a", b"b", b"c"])
        hostile.cancel(tape, s)

    def test_what_is_neither(self):
        tape = sink.Tape([b"abc"])
        next(tape)
        with self.assertRaisesRegex(TypeError, "int object is not a source"):
            hostile.listen(5, tape.slice(0, 1))
        with self.assertRaisesRegex(TypeError, "list object is not a sink"):
            hostile.listen(tape, [])
        self.assertTrue(hostile.is_source(tape))
        self.assertFalse(hostile.is_source(tape.slice(0, 1)))
        with self.assertRaises(ValueError):
            hostile.misuse(sink.Slice)

    def test_subclasses(self):
        class Mine(sink.Tape):
            __slots__ = ("more",)
        tape = Mine([b"abc", b"def"])
        self.assertTrue(hostile.is_source(tape))
        next(tape)
        s = tape.slice(0, 3)
        next(tape)
        self.assertEqual(bytes(s), b"abc")
        del Mine, tape
        gc.collect()

    def test_types_come_and_go(self):
        before = hostile.is_source(sink.Tape([]))
        for _ in range(100):
            kind = type("Mine", (sink.Tape,), {})
            self.assertTrue(hostile.is_source(kind([])))
            del kind
            gc.collect()
        self.assertTrue(before and hostile.is_source(sink.Tape([])))

    def test_whose_memory_it_is(self):
        tape = sink.Tape([b"abcdef"])
        next(tape)
        self.assertTrue(hostile.owns(tape, 0, 6))
        self.assertTrue(hostile.owns(tape, 6, 0))
        self.assertFalse(hostile.owns(tape, 0, 7))
        self.assertFalse(hostile.owns(tape, -1, 2))
        self.assertTrue(hostile.owns(b"abc", 0, 3))  # nobody asked it to tell

    def test_exports_stop_the_source(self):
        tape = sink.Tape([b"abc", b"def"])
        next(tape)
        with memoryview(tape) as view:
            with self.assertRaises(BufferError):
                next(tape)
            self.assertEqual(bytes(view), b"abc")
        next(tape)


class OldSinks(unittest.TestCase):
    """As the draft has them: no word of sizes, nodes that are not zero, copies over their own node."""

    def test_they_copy_themselves_over_their_node(self):
        kept = []
        for tape in sink.Tape(ITEMS):
            kept += [hostile.Old(tape, 11), tape.slice(0, 11), hostile.Old(tape, 4)]
        self.assertEqual([bytes(s) for s in kept],
                         [b for item in ITEMS for b in (item, item, item[:4])])

    def test_they_free_others_while_told(self):
        for mover in (False, True):
            tape = sink.Tape([b"abcdef", b"x"])
            next(tape)
            victims = [tape.slice(0, i) if mover else hostile.Old(tape, i) for i in range(5)]
            first = hostile.Old(tape, 2, victims.clear)
            victims += [tape.slice(0, i) if mover else hostile.Old(tape, i) for i in range(5)]
            next(tape)
            self.assertEqual(bytes(first), b"ab")
            self.assertEqual(victims, [])

    def test_they_free_themselves_while_told(self):
        tape = sink.Tape([b"abcdef", b"x"])
        next(tape)
        kept = []
        kept.append(hostile.Old(tape, 2, kept.clear))
        other = tape.slice(1, 3)
        next(tape)
        self.assertEqual((kept, bytes(other)), ([], b"bc"))

    def test_nobody_listens_to_what_ends(self):
        tape = sink.Tape([b"abcdef", b"x"])
        next(tape)
        made = []

        def listen():
            with self.assertRaisesRegex(BufferError, "about to take its memory back"):
                made.append(tape.slice(0, 3))
            made.append(1)
        old = hostile.Old(tape, 2, listen)
        next(tape)
        self.assertEqual((made, bytes(old)), ([1], b"ab"))
        self.assertEqual(bytes(tape.slice(0, 1)), b"x")  # again, as soon as it is over

    def test_a_source_ends_once_at_a_time(self):
        tape = sink.Tape([b"abc", b"x"])
        next(tape)

        def again():
            with self.assertRaisesRegex(BufferError, "in use"):
                next(tape)
        old = hostile.Old(tape, 3, again)
        next(tape)
        self.assertEqual(bytes(old), b"abc")

    def test_another_source_ends_while_told(self):
        tape, other = sink.Tape([b"abc", b"x"]), sink.Tape([b"def", b"y"])
        next(tape), next(other)
        kept = [other.slice(0, 3), hostile.Old(other, 2), tape.slice(0, 1)]
        kept.append(hostile.Old(tape, 3, lambda: next(other)))
        next(tape)
        self.assertEqual([bytes(s) for s in kept], [b"def", b"de", b"a", b"abc"])

    def test_failures_are_told_and_leave_no_dangling_pointer(self):
        tape = sink.Tape([b"abcdef", b"x"])
        next(tape)
        kept = [hostile.Old(tape, 3, None, n % 2) for n in range(6)]
        with Unraisable() as told:
            next(tape)
        self.assertEqual(len(told), 1)
        self.assertIn("3 objects lost", str(told[0]))
        for n, old in enumerate(kept):
            if n % 2:
                self.assertRaises(MemoryError, bytes, old)
            else:
                self.assertEqual(bytes(old), b"abc")

    def test_an_exception_on_its_way_is_kept(self):
        def steps():
            yield b"abc"
            raise KeyError("on its way")
        tape = sink.Tape(steps())
        next(tape)
        old = hostile.Old(tape, 3, None, True)
        with Unraisable(), self.assertRaises(KeyError):
            next(tape)
        self.assertRaises(MemoryError, bytes, old)


class OldSources(unittest.TestCase):
    def test_a_static_type_that_ends_whatever_is_returned(self):
        for ends in (1, 2):
            txn = hostile.Txn(b"key and value")
            view = txn.get()
            kept = [hostile.Old(txn, 3, None, False, view), hostile.Old(txn, 5, None, True, view)]
            with Unraisable() as told:
                for _ in range(ends):
                    txn.commit()
            self.assertEqual(len(told), 1)
            self.assertEqual(bytes(kept[0]), b"key")
            self.assertRaises(MemoryError, bytes, kept[1])


class Memory(unittest.TestCase):
    @unittest.skipIf("libasan" in os.environ.get("LD_PRELOAD", ""), "the sanitizer needs address space")
    def test_out_of_memory_while_moving(self):
        size = 64 << 20
        tape = sink.Tape(iter([bytes(size), b"x"]))
        next(tape)
        large = [tape.slice(0, size - i) for i in range(3)]
        empty = tape.slice(0, 0)
        limits = resource.getrlimit(resource.RLIMIT_AS)
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * 4096 + (16 << 20), limits[1]))
        try:
            with Unraisable() as told:
                next(tape)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, limits)
        self.assertIn("3 objects lost", str(told[0]))
        for s in large:
            self.assertFalse(s.shared)
            with self.assertRaisesRegex(MemoryError, "lost"):
                bytes(s)
        self.assertEqual(bytes(empty), b"")


class Fuzz(unittest.TestCase):
    def test_random_calls(self):
        rng = random.Random(SEED)
        tapes, kept = [], []  # [tape, bytes]; (sink, bytes)

        def some_bytes():
            return rng.randbytes(rng.choice([0, 1, 15, 16, 17, 200]))

        def action():
            choice = rng.randrange(4)
            if choice == 0 and kept:
                del kept[rng.randrange(len(kept)):]
            elif choice == 1 and tapes:
                try:
                    step()
                except BufferError as why:  # the one that is going on
                    self.assertIn("in use", str(why))
            elif choice == 2 and kept:
                kept.pop(rng.randrange(len(kept)))

        def feed(data):
            while True:
                yield data[0]

        def step():
            entry = rng.choice(tapes)
            entry[1][0] = some_bytes()
            next(entry[0])
        for _ in range(4000):
            choice = rng.random()
            if choice < 0.05 or not tapes:
                data = [some_bytes()]
                tape = sink.Tape(feed(data))
                next(tape)
                tapes.append((tape, data))
            elif choice < 0.5:
                tape, data = rng.choice(tapes)
                now = bytes(memoryview(tape))
                start = rng.randrange(len(now) + 1)
                stop = rng.randrange(start, len(now) + 1)
                kept.append((tape.slice(start, stop), now[start:stop]))
            elif choice < 0.7:
                tape, data = rng.choice(tapes)
                now = bytes(memoryview(tape))
                size = rng.randrange(min(len(now), 16) + 1)
                kept.append((hostile.Old(tape, size, rng.choice([None, action])), now[:size]))
            elif choice < 0.85:
                if kept:
                    kept.pop(rng.randrange(len(kept)))
            elif choice < 0.98:
                step()
            else:
                tapes.pop(rng.randrange(len(tapes)))
            if rng.random() < 0.05:
                for s, meant in kept:
                    self.assertEqual(bytes(s), meant)
        tapes.clear()
        for s, meant in kept:
            self.assertEqual(bytes(s), meant)

    def test_threads(self):
        wrong = []

        def work(seed):
            rng, kept = random.Random(seed), []
            for tape in sink.Tape(ITEMS * 20):
                kept.append((tape.slice(0, 11), bytes(memoryview(tape))))
                if rng.random() < 0.3:
                    kept.pop(rng.randrange(len(kept)))
            wrong.extend(s for s, meant in kept if bytes(s) != meant)
        threads = [threading.Thread(target=work, args=(SEED + i,)) for i in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])


class Loading(unittest.TestCase):
    def run_python(self, program, **more):
        return subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, **more)

    def test_another_version_is_refused(self):
        done = self.run_python(
            "import ctypes, memsink._memsink as m\n"
            "set = ctypes.pythonapi.PyCapsule_SetContext\n"
            "set.argtypes = [ctypes.py_object, ctypes.c_void_p]\n"
            "set(m.CAPI, 3 << 16 | 80)\n"
            "import sink\n")
        self.assertIn("ImportError: memsink 3 with a table of 80 bytes is installed", done.stdout)
        self.assertEqual(done.returncode, 1)

    def test_without_memsink(self):
        done = self.run_python("import sys; sys.modules['memsink'] = None\nimport sink\n")
        self.assertIn("ModuleNotFoundError", done.stdout)
        self.assertEqual(done.returncode, 1)

    def test_after_a_fork(self):
        tape = sink.Tape([b"abc", b"def"])
        next(tape)
        s = tape.slice(0, 3)
        pid = os.fork()
        if pid == 0:
            next(tape)
            os._exit(bytes(s) != b"abc" or bytes(tape.slice(0, 3)) != b"def")
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        self.assertTrue(s.shared)
        next(tape)
        self.assertEqual(bytes(s), b"abc")


def main():
    print("seed", SEED)
    random.seed(SEED)
    result = unittest.main(exit=False).result
    failed = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    sys.stderr.flush()
    print(f"{result.testsRun - failed - skipped} passed, {failed} failed" +
          (f", {skipped} skipped" if skipped else ""), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
