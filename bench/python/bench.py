#!/usr/bin/env python3
"""copse from Python beside py-lmdb, sqlite3, h5py and .npy files, in one run, interleaved.

    bench.py [--rounds N] [--rows N] [--json FILE]

Each row is work that all engines of it do in the same way; every round does each engine's once, one
after the other, and the medians of the rounds are shown with their spread. Stores lie in shared memory,
without durability: lmdb with sync=False and writemap=True, sqlite3 with WAL and synchronous=OFF. Engines
that are not installed are left out.
"""
import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import sys
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
import sqlite3

M22 = np.dtype(("c16", (2, 2)))
WORKERS = 4


def key(i):
    return i.to_bytes(8, "big")


def lmdb_open(path):
    return lmdb.open(path, map_size=4 << 30, sync=False, metasync=False, writemap=True, max_dbs=2)


def sqlite_open(path):
    db = sqlite3.connect(path, timeout=600, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=OFF")
    db.execute("CREATE TABLE IF NOT EXISTS t (k INTEGER PRIMARY KEY, v BLOB)")
    return db


# --- writing, by several processes: each gives (rows, worst stall in seconds) --------------------


class Stalls:
    """Waits until all workers have opened their stores; then the longest time between two ticks."""

    def __init__(self, gate):
        gate.wait()
        self.worst, self.last = 0.0, time.perf_counter()

    def tick(self):
        now = time.perf_counter()
        self.worst, self.last = max(self.worst, now - self.last), now


def write_copse_block(path, worker, rows, values, gate):
    with copse.open(path, create=True) as db:
        arena = db.arena("a", record=M22)
        stalls = Stalls(gate)
        for _ in range(0, rows, len(values)):
            arena.append_many(values)
            stalls.tick()
    return stalls.worst


def write_lmdb_block(path, worker, rows, values, gate):
    env = lmdb_open(path)
    stalls = Stalls(gate)
    for start in range(0, rows, len(values)):
        first = worker * rows + start
        with env.begin(write=True) as txn, txn.cursor() as cursor:
            cursor.putmulti([(key(first + i), v.tobytes()) for i, v in enumerate(values)])
        stalls.tick()
    env.close()
    return stalls.worst


def write_sqlite_block(path, worker, rows, values, gate):
    db = sqlite_open(path)
    stalls = Stalls(gate)
    for start in range(0, rows, len(values)):
        first = worker * rows + start
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO t VALUES (?,?)",
                       [(first + i, v.tobytes()) for i, v in enumerate(values)])
        db.execute("COMMIT")
        stalls.tick()
    db.close()
    return stalls.worst


def write_h5py_block(path, worker, rows, values, gate):
    with h5py.File(f"{path}-{worker}", "w") as file:
        data = file.create_dataset("d", (0, 2, 2), "c16", maxshape=(None, 2, 2), chunks=(4096, 2, 2))
        stalls = Stalls(gate)
        for start in range(0, rows, len(values)):
            data.resize(start + len(values), 0)
            data[start:] = values
            stalls.tick()
    return stalls.worst


def write_copse_one(path, worker, rows, values, gate):
    with copse.open(path, create=True) as db:
        table, matrix = db.map("t", "u64", M22), values[0]
        stalls = Stalls(gate)
        for i in range(worker * rows, (worker + 1) * rows):
            table[i] = matrix
            stalls.tick()
    return stalls.worst


def write_copse_pipelined(path, worker, rows, values, gate):
    with copse.open(path, create=True) as db:
        table, batch, matrix = db.map("t", "u64", M22), db.batch(), values[0]
        stalls = Stalls(gate)
        for i in range(worker * rows, (worker + 1) * rows):
            batch.put(table, i, matrix)
            ticket = batch.commit()
            stalls.tick()
        ticket.outcome()
    return stalls.worst


def write_lmdb_one(path, worker, rows, values, gate):
    env, matrix = lmdb_open(path), values[0].tobytes()
    stalls = Stalls(gate)
    for i in range(worker * rows, (worker + 1) * rows):
        with env.begin(write=True) as txn:
            txn.put(key(i), matrix)
        stalls.tick()
    env.close()
    return stalls.worst


def write_sqlite_one(path, worker, rows, values, gate):
    db, matrix = sqlite_open(path), values[0].tobytes()
    stalls = Stalls(gate)
    for i in range(worker * rows, (worker + 1) * rows):
        while True:
            try:
                db.execute("INSERT INTO t VALUES (?,?)", (i, matrix))
                break
            except sqlite3.OperationalError:  # "database is locked"
                pass
        stalls.tick()
    db.close()
    return stalls.worst


def in_workers(function, folder, rows, block):
    """Rows per second of all workers together, and the worst stall of any."""
    path = os.path.join(folder, "store")
    if function is write_lmdb_block or function is write_lmdb_one:
        lmdb_open(path).close()
    if function is write_sqlite_block or function is write_sqlite_one:
        sqlite_open(path).close()
    values = np.random.default_rng(0).random((block, 2, 2)) * (1 + 1j)
    context = multiprocessing.get_context("fork")
    gate, answers = context.Barrier(WORKERS + 1), context.SimpleQueue()

    def work(worker):
        answers.put(function(path, worker, rows, values, gate))

    workers = [context.Process(target=work, args=(n,)) for n in range(WORKERS)]
    for process in workers:
        process.start()
    gate.wait()
    begin = time.perf_counter()
    worst = max(answers.get() for _ in workers)
    seconds = time.perf_counter() - begin
    for process in workers:
        process.join()
    return WORKERS * rows / seconds, worst


# --- reading: each gives a rate -------------------------------------------------------------------


def readings(folder, rows):
    """name, unit, {engine: function that gives the figure}"""
    values = np.random.default_rng(1).random((rows, 2, 2)) * (1 + 1j)
    picks = np.random.default_rng(2).integers(0, rows, 20000).tolist()
    db = copse.open(os.path.join(folder, "copse"), create=True)
    arena = db.arena("a", record=M22)
    arena.append_many(values)
    keys = db.map("keys")
    names = sorted(os.urandom(24) for _ in range(min(rows, 200000)))
    keys.put_many(names, [b""] * len(names), append=True)
    snapshot = db.snapshot()
    lent, words = snapshot[arena], snapshot[keys]
    npy = os.path.join(folder, "a.npy")
    np.save(npy, values)
    mapped = np.load(npy, mmap_mode="r")

    def rate(count, function):
        begin = time.perf_counter()
        function()
        return count / (time.perf_counter() - begin)

    def each(function):
        return lambda: rate(len(picks), lambda: [function(i) for i in picks])

    random = {"copse": each(lent.__getitem__), "npy": each(mapped.__getitem__)}
    whole = {"copse": lambda: rate(rows, lent.to_array), "npy": lambda: rate(rows, lambda: np.load(npy))}
    total = {"copse": lambda: rate(rows, lambda: sum(c.sum() for _, c in lent.chunks())),
             "npy": lambda: rate(rows, values.sum)}
    scan = {"copse": lambda: rate(len(names), lambda: [None for _ in words])}
    if lmdb:
        env = lmdb_open(os.path.join(folder, "lmdb"))
        words_db = env.open_db(b"keys")
        with env.begin(write=True) as txn, txn.cursor() as cursor:
            cursor.putmulti((key(i), v.tobytes()) for i, v in enumerate(values))
        with env.begin(write=True) as txn, txn.cursor(words_db) as cursor:
            cursor.putmulti((name, b"") for name in names)
        reader = env.begin()
        random["lmdb"] = each(lambda i: np.frombuffer(reader.get(key(i)), "c16").reshape(2, 2))
        whole["lmdb"] = lambda: rate(rows, lambda: np.frombuffer(
            b"".join(v for _, v in reader.cursor()), "c16")[:rows * 4].reshape(-1, 2, 2))
        scan["lmdb"] = lambda: rate(len(names), lambda: [
            None for _ in reader.cursor(words_db).iternext(values=False)])

    def end_of_a_snapshot():
        one = db.snapshot()
        part = one[arena]
        values = [part[i % rows] for i in range(100000)]
        begin = time.perf_counter()
        one.close()
        seconds = time.perf_counter() - begin
        del values
        return 1 / seconds

    return [("random read of one matrix as an array", "/s", random),
            ("all matrices as one array", "rows/s", whole),
            ("sum over all, without a copy", "rows/s", total),
            ("scan of 24-byte keys", "/s", scan),
            ("end of a snapshot on which 100,000 leased arrays rest", "/s",
             {"copse": end_of_a_snapshot})]


# --- the run ---------------------------------------------------------------------------------------


def writings(options):
    block = {"copse": write_copse_block, "sqlite3": write_sqlite_block}
    one = {"copse": write_copse_one, "copse, pipelined": write_copse_pipelined,
           "sqlite3": write_sqlite_one}
    if lmdb:
        block["lmdb"], one["lmdb"] = write_lmdb_block, write_lmdb_one
    if h5py:
        block["h5py, a file each"] = write_h5py_block
    return [(f"{WORKERS} workers, 1,000 matrices per commit", options.rows // WORKERS, 1000, block),
            (f"{WORKERS} workers, one matrix per commit", options.rows // 4 // WORKERS, 1, one)]


def show(name, unit, figures, stalls):
    print(f"\n{name}")
    best = statistics.median(figures["copse"])
    for engine, seen in figures.items():
        median = statistics.median(seen)
        text = f"  {engine:20} {median:14,.0f} {unit:7} ({min(seen):,.0f} to {max(seen):,.0f})"
        if engine != "copse":
            text += f"  copse: {best / median:.2f} x"
        if stalls.get(engine):
            text += f"  worst stall {max(stalls[engine]) * 1000:.0f} ms"
        print(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1000000)
    parser.add_argument("--json", help="where to write the figures, too")
    options = parser.parse_args()
    results = {}
    for name, rows, block, engines in writings(options):
        figures = {engine: [] for engine in engines}
        stalls = {engine: [] for engine in engines}
        for _ in range(options.rounds):
            for engine, function in engines.items():
                folder = tempfile.mkdtemp(prefix="copse-bench-python-", dir="/dev/shm")
                try:
                    rate, worst = in_workers(function, folder, max(rows, block), block)
                finally:
                    shutil.rmtree(folder)
                figures[engine].append(rate)
                stalls[engine].append(worst)
        show(name, "rows/s", figures, stalls)
        results[name] = figures
    folder = tempfile.mkdtemp(prefix="copse-bench-python-", dir="/dev/shm")
    try:
        for name, unit, engines in readings(folder, options.rows):
            figures = {engine: [] for engine in engines}
            for _ in range(options.rounds):
                for engine, function in engines.items():
                    figures[engine].append(function())
            show(name, unit, figures, {})
            results[name] = figures
    finally:
        shutil.rmtree(folder)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"rows": options.rows, "rounds": options.rounds, "figures": results}, file,
                      indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
