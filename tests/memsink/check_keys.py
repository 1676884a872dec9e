"""copse.Key and KeyList over sources of memsink: a tape whose memory dies at each step, a transaction as
py-lmdb has it."""
import gc
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import unittest

import copse
import hostile
import sink
from check_memsink import SEED, Unraisable, main
from copse import Key, KeyList

TUPLES = [(), (1,), ("a", 5), (b"x" * 27,), (b"x" * 30,), (b"x" * 31,), ("é" * 100, None, 1.5), (b"\0" * 9, (1, (None,)))]


class Modes(unittest.TestCase):
    def test_each_step_of_an_iterator(self):
        kept = []
        for n, tape in enumerate(sink.Tape([Key(t).to_raw(b"p") for t in TUPLES])):
            key = Key.from_raw(tape, b"p", tape)
            self.assertEqual(key.mode, "shared")
            self.assertEqual(key, TUPLES[n])
            kept.append(key)
        tape = None
        for key, meant in zip(kept[:-1], TUPLES):
            size = len(key.to_raw())
            self.assertEqual(key.mode, "private" if size <= 32 else "copied")
            self.assertEqual(tuple(key), meant)
            self.assertEqual(hash(key), hash(Key(meant)))
        self.assertEqual({len(k.to_raw()) for k in kept} & {29, 32, 33}, {29, 32, 33})

    def test_lists(self):
        lists = [[Key(t) for t in TUPLES[:n]] for n in range(1, len(TUPLES))]
        found = []
        for tape in sink.Tape([KeyList(keys).to_raw(b"col") for keys in lists]):
            keys = KeyList.from_raw(b"col", tape, tape)
            self.assertEqual({k.mode for k in keys}, {"shared"})
            found.append(keys)
            self.assertIsNone(KeyList.from_raw(b"other", tape, tape))
        next(tape, None)
        self.assertEqual(found, lists)
        self.assertNotIn("shared", {k.mode for keys in found for k in keys})

    def test_a_transaction_like_those_of_lmdb(self):
        for t in TUPLES:
            txn = hostile.Txn(Key(t).to_raw())
            key, = KeyList.from_raw(b"", txn.get(), txn)
            self.assertEqual(key.mode, "shared")
            del txn
            gc.collect()
            self.assertEqual(key, t)
            self.assertEqual(key.mode, "shared")  # it keeps the transaction

    def test_values_of_copse(self):
        with tempfile.TemporaryDirectory(dir=os.environ.get("COPSE_TEST_SHM", "/dev/shm")) as folder:
            db = copse.open(os.path.join(folder, "store"), create=True)
            words = db.map("words")
            words[b"k"] = Key("x" * 500, 5).to_raw(b"p")
            value = words.view(b"k")
            keys = [Key.from_raw(value, b"p", value), *KeyList.from_raw(b"p", value, value),
                    Key.from_raw(memoryview(value)[1:], None, value)]
            self.assertEqual([(key, key.mode) for key in keys], [(Key("x" * 500, 5), "shared")] * 3)
            other = words.view(b"k")
            del value
            words[b"k"] = b"something else" * 100
            db.close()
            gc.collect()
            self.assertEqual(keys[0][1], 5)
            self.assertEqual(Key.from_raw(bytes(other), b"p", other).mode, "private")

    def test_without_a_source(self):
        raw = Key(1, "a").to_raw()
        for source in (None, object(), 5, raw):
            for key in (Key.from_raw(raw, None, source), *KeyList.from_raw(b"", raw, source)):
                self.assertEqual((key.mode, key), ("private", (1, "a")))

    def test_a_buffer_of_somebody_else_is_copied(self):
        raw = bytearray(Key("own").to_raw())
        txn = hostile.Txn(bytes(raw))
        key = Key.from_raw(raw, None, txn)
        listed, = KeyList.from_raw(b"", memoryview(raw), txn)
        raw[:] = b"\x14" * len(raw)
        self.assertEqual((key.mode, listed.mode), ("private", "private"))
        self.assertEqual((key, listed), (("own",), ("own",)))

    def test_memory_that_is_not_lent(self):
        tape, other = sink.Tape([Key(1).to_raw()]), hostile.Txn(Key(2).to_raw())
        next(tape)
        with self.assertRaisesRegex(ValueError, "not in memory that the source lends"):
            Key.from_raw(other.get(), None, tape)

    def test_slices_and_sums_of_shared_keys(self):
        tape = sink.Tape([Key("a", 1, b"z" * 50).to_raw(), b""])
        next(tape)
        key = Key.from_raw(tape, source=tape)
        part, whole = key[:2], key + (None,)
        next(tape)
        self.assertEqual((part, part.mode, whole, key[2]), (("a", 1), "private", ("a", 1, b"z" * 50, None), b"z" * 50))

    def test_exports_outlive_the_source(self):
        for t in TUPLES:
            tape = sink.Tape([Key(t).to_raw(), b"another"])
            next(tape)
            key = Key.from_raw(tape, source=tape)
            view = memoryview(key)
            self.assertNotEqual(key.mode, "shared")
            next(tape)
            del key, tape
            gc.collect()
            self.assertEqual(bytes(view), Key(t).to_raw())

    def test_keys_are_not_tracked_by_the_collector(self):
        tape = sink.Tape([Key(1).to_raw()])
        next(tape)
        self.assertFalse(gc.is_tracked(Key.from_raw(tape, source=tape)) or gc.is_tracked(Key(1)))

    def test_killed_in_any_order(self):
        rng = random.Random(SEED)
        for _ in range(50):
            tape = sink.Tape([KeyList(Key(t) for t in TUPLES * 3).to_raw(), b"x"])
            next(tape)
            keys = KeyList.from_raw(b"", tape, tape)
            kept = [(k, TUPLES[n % len(TUPLES)]) for n, k in enumerate(keys) if rng.random() < 0.5]
            del keys
            next(tape)
            rng.shuffle(kept)
            while kept:
                key, meant = kept.pop()
                self.assertEqual(key, meant)

    def test_threads(self):
        wrong = []

        def work():
            kept = []
            for n, tape in enumerate(sink.Tape([Key(n, "x" * (n % 60)).to_raw() for n in range(2000)])):
                kept.append(Key.from_raw(tape, source=tape))
            wrong.extend(k for n, k in enumerate(kept) if k != (n, "x" * (n % 60)))
        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])


class Losses(unittest.TestCase):
    @unittest.skipIf("libasan" in os.environ.get("LD_PRELOAD", ""), "the sanitizer needs address space")
    def test_out_of_memory(self):
        count, item = 1000, b"\1" + b"x" * 65000 + b"\0"
        small = Key(5).to_raw()
        tape = sink.Tape(iter([b"\x66".join([item] * count) + b"\x66" + small, b"x"]))
        next(tape)
        keys = KeyList.from_raw(b"", tape, tape)
        limits = resource.getrlimit(resource.RLIMIT_AS)
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * 4096 + (16 << 20), limits[1]))
        try:
            with Unraisable() as told:
                next(tape)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, limits)
        self.assertIn(f"{count} objects lost", str(told[0]))
        self.assertEqual((keys[-1], keys[-1].mode), ((5,), "private"))
        for use in (bytes, hash, len, repr, list, Key.to_raw, memoryview, lambda k: k[0], lambda k: k == (1,),
                    lambda k: k + (1,), Key.prefix_bound, lambda k: k < k):
            with self.assertRaisesRegex(MemoryError, "were lost"):
                use(keys[0])

    def test_a_program_without_memsink(self):
        program = ("import sys; sys.modules['memsink'] = None\nimport copse\n"
                   "k = copse.Key.from_raw(b'\\x15\\x01', None, object())\nassert k == (1,), k\n"
                   "assert copse.KeyList.from_raw(b'', b'\\x15\\x01', object())[0].mode == 'private'\n")
        subprocess.run([sys.executable, "-c", program], check=True)


if __name__ == "__main__":
    main()
