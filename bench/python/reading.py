"""Reading: matrices one by one and all at once, scans of keys, joins, the end of a snapshot.

Reading(folder, rows) fills the stores; its workloads() are (name, metric, {engine: function}), where each
function does the work once and gives the figure.
"""
import os
import sys
from collections import deque
from time import perf_counter as clock

import copse
import numpy as np
from engines import M22, key, lmdb, lmdb_open


def rate(count, function):
    begin = clock()
    function()
    return count / (clock() - begin)


def exhaust(iterator):
    deque(iterator, maxlen=0)


class Reading:
    def __init__(self, folder, rows):
        self.rows = rows
        random = np.random.default_rng(1)
        self.values = random.random((rows, 2, 2)) * (1 + 1j)
        self.picks = random.integers(0, rows, 100000).tolist()
        self.npy = os.path.join(folder, "a.npy")
        np.save(self.npy, self.values)
        self.db = copse.open(os.path.join(folder, "copse"), create=True)
        arena = self.db.arena("a", record=M22)
        arena.append_many(self.values)
        # Two sets of keys, of which half are in both.
        every = list({random.bytes(24) for _ in range(rows + rows // 2)})
        self.left, self.right = sorted(every[:rows]), sorted(every[rows // 2:])
        maps = [self.db.map(name, value="u64") for name in ("left", "right")]
        for m, keys in zip(maps, (self.left, self.right)):
            m.put_many(keys, range(len(keys)), append=True)
        self.snapshot = self.db.snapshot()
        self.arena, (self.a, self.b) = self.snapshot[arena], [self.snapshot[m] for m in maps]
        self.all = arena
        if lmdb:
            self.fill_lmdb(os.path.join(folder, "lmdb"))

    def fill_lmdb(self, path):
        self.env = lmdb_open(path)
        self.names = [self.env.open_db(name) for name in (b"left", b"right")]
        with self.env.begin(write=True) as txn, txn.cursor() as cursor:
            cursor.putmulti((key(i), v.tobytes()) for i, v in enumerate(self.values))
        for name, keys in zip(self.names, (self.left, self.right)):
            with self.env.begin(write=True) as txn, txn.cursor(name) as cursor:
                cursor.putmulti((k, key(i)) for i, k in enumerate(keys))
        self.txn = self.env.begin()

    def workloads(self):
        yield "py-get", "ops_s", {"copse": self.get_copse, "lmdb": lmdb and self.get_lmdb,
                                  "npy": self.get_npy}
        yield "py-array", "records_s", {"copse": self.array_copse, "npy": self.array_npy,
                                        "lmdb": lmdb and self.array_lmdb}
        yield "py-sum", "records_s", {"copse": self.sum_copse, "array": self.sum_array}
        yield "py-scan", "keys_s", {"copse": self.scan_copse, "lmdb": lmdb and self.scan_lmdb}
        yield "py-scan", "blocks_per_key", {"copse": self.blocks_copse,
                                            "lmdb": lmdb and self.blocks_lmdb}
        yield "py-join", "records_s", {"copse hash_join": self.hash_join,
                                       "copse merge_join": self.merge_join,
                                       "dict": self.dict_join, "lmdb, dict": lmdb and self.lmdb_join}
        yield "py-end", "end_ns", {"copse": self.end_of_a_snapshot}

    # --- one matrix -------------------------------------------------------------------------

    def get_copse(self):
        arena = self.arena

        def work():
            for i in self.picks:
                arena[i]
        return rate(len(self.picks), work)

    def get_lmdb(self):
        get, from_buffer = self.txn.get, np.frombuffer
        keys = list(map(key, self.picks))

        def work():
            for k in keys:
                from_buffer(get(k), "c16").reshape(2, 2)
        return rate(len(keys), work)

    def get_npy(self):
        mapped = np.load(self.npy, mmap_mode="r")

        def work():
            for i in self.picks:
                mapped[i]
        return rate(len(self.picks), work)

    # --- all of them ------------------------------------------------------------------------

    def array_copse(self):
        return rate(self.rows, self.arena.to_array)

    def array_npy(self):
        return rate(self.rows, lambda: np.load(self.npy))

    def array_lmdb(self):
        return rate(self.rows, lambda: np.frombuffer(
            b"".join([v for k, v in self.txn.cursor() if len(k) == 8]), "c16").reshape(-1, 2, 2))

    def sum_copse(self):
        return rate(self.rows, lambda: sum(chunk.sum() for _, chunk in self.arena.chunks()))

    def sum_array(self):
        return rate(self.rows, self.values.sum)

    # --- keys -------------------------------------------------------------------------------

    def scan_copse(self):
        return rate(self.rows, lambda: exhaust(self.a))

    def scan_lmdb(self):
        return rate(self.rows, lambda: exhaust(
            self.txn.cursor(self.names[0]).iternext(values=False)))

    def blocks(self, iterator):
        """Blocks of Python's memory for each key that is kept, its place in the list apart."""
        keys = [None] * self.rows
        before = sys.getallocatedblocks()
        for i, k in enumerate(iterator):
            keys[i] = k
        return (sys.getallocatedblocks() - before) / self.rows

    def blocks_copse(self):
        return self.blocks(iter(self.a))

    def blocks_lmdb(self):
        return self.blocks(self.txn.cursor(self.names[0]).iternext(values=False))

    # --- joins: how many records of both sides ------------------------------------------------

    def join(self, work):
        begin = clock()
        found = work()
        seconds = clock() - begin
        assert found == self.rows // 2 + self.rows % 2, found
        return 2 * self.rows / seconds

    def hash_join(self):
        return self.join(lambda: sum(1 for _ in copse.hash_join(self.a, self.b)))

    def merge_join(self):
        return self.join(lambda: sum(1 for _ in copse.merge_join(self.a, self.b)))

    def dict_join(self):
        def work():
            table = dict(self.b.items())
            return sum(1 for _ in ((k, v, table[k]) for k, v in self.a.items() if k in table))
        return self.join(work)

    def lmdb_join(self):
        def work():
            table, left = dict(self.txn.cursor(self.names[1])), self.txn.cursor(self.names[0])
            return sum(1 for _ in ((k, v, table[k]) for k, v in left if k in table))
        return self.join(work)

    # --- ends -------------------------------------------------------------------------------

    def end_of_a_snapshot(self):
        one = self.db.snapshot()
        view = one[self.all].view
        values = [view(i % self.rows) for i in range(1000000)]
        begin = clock()
        one.close()
        seconds = clock() - begin
        assert len(values) == 1000000 and self.db.leases().leases
        return seconds * 1e9
