"""The peers as their users would set them up, and what stores and workers of the benchmark share."""
import ctypes
import multiprocessing
import os
import shutil
import sqlite3
import tempfile
import time

import copse
import numpy as np

try:
    import lmdb
except ImportError:
    lmdb = None
try:
    import h5py
except ImportError:
    h5py = None

M22 = np.dtype(("c16", (2, 2)))
WORKERS = 4
SETTINGS = {
    "copse": f"{copse.__version__}; defaults, prefault_bytes (growing: none)",
    "lmdb": lmdb and f"py-lmdb {lmdb.__version__}, LMDB {'.'.join(map(str, lmdb.version()))}; "
                     "sync=False, metasync=False, writemap=True, file allocated before",
    "sqlite": f"{sqlite3.sqlite_version}; WAL, synchronous=OFF, INTEGER PRIMARY KEY",
    "h5py": h5py and f"{h5py.__version__}; a file for each worker, chunks of 4,096 rows, allocated before "
                     "(growing: extended for each block)",
    "numpy": np.__version__,
}


def key(i):
    return i.to_bytes(8, "big")


def lmdb_open(path, allocate=0):
    env = lmdb.open(path, map_size=4 << 30, sync=False, metasync=False, writemap=True, max_dbs=4)
    if allocate:
        with open(os.path.join(path, "data.mdb"), "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, allocate)
    return env


def sqlite_open(path):
    db = sqlite3.connect(path, timeout=600, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=OFF")
    db.execute("CREATE TABLE IF NOT EXISTS t (k INTEGER PRIMARY KEY, v BLOB)")
    return db


def map_pages(folder):
    """Maps the pages in memory of the files in a folder, where this process has the files mapped."""
    libc, populate_write = ctypes.CDLL(None), 23
    with open("/proc/self/maps", encoding="utf-8") as file:
        for line in file:
            parts = line.split()
            if parts[-1].startswith(folder) and "w" in parts[1]:
                begin, end = (int(n, 16) for n in parts[0].split("-"))
                status, offset = os.stat(parts[-1]), int(parts[2], 16)
                size = min(end - begin, status.st_size - offset, status.st_blocks * 512)
                if size > 0:
                    libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(size), populate_write)


class Folder:
    """A folder in shared memory, for a block."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="copse-python-bench-", dir="/dev/shm")
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path)


def in_workers(function, rows, block):
    """Rows per second of all workers together, and the longest time in seconds that a commit took in any.

    The workers open their stores, start together, and each stores its rows, a block per commit. The last
    one that is done ends the time.
    """
    values = np.random.default_rng(0).random((block, 2, 2)) * (1 + 1j)
    context = multiprocessing.get_context("fork")
    gate, answers = context.Barrier(WORKERS + 1), context.SimpleQueue()
    with Folder() as folder:
        path = os.path.join(folder, "store")

        def ready():
            gate.wait()  # all are open
            map_pages(folder)
            gate.wait()

        def work(worker):
            answers.put(function(path, worker, rows, values, ready))

        workers = [context.Process(target=work, args=(n,)) for n in range(WORKERS)]
        for process in workers:
            process.start()
        gate.wait()
        gate.wait()
        begin = time.perf_counter()
        worst, ends = zip(*[answers.get() for _ in workers])
        for process in workers:
            process.join()
    return WORKERS * rows / (max(ends) - begin), max(worst)
