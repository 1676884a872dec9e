"""Writing matrices from several processes at once.

Each function is a worker's part: it opens its store, calls ready(), stores rows from worker * rows on, and
gives the longest time in seconds that one commit took, and when the last one was done. The loops are written out, the clock in them,
since a call in Python costs as much as what is measured.
"""
import os

import copse
from engines import M22, WORKERS, h5py, key, lmdb, lmdb_open, sqlite3, sqlite_open
from time import perf_counter as clock


def copse_block(path, worker, rows, values, ready, prefault_bytes=0):
    with copse.open(path, create=True, prefault_bytes=prefault_bytes) as db:
        arena, worst = db.arena("a", record=M22), 0.0
        ready()
        last = clock()
        for _ in range(0, rows, len(values)):
            arena.append_many(values)
            now = clock()
            if now - last > worst:
                worst = now - last
            last = now
    return worst, last


def copse_block_allocated(path, worker, rows, values, ready):
    return copse_block(path, worker, rows, values, ready, WORKERS * rows * 80)


def lmdb_block(path, worker, rows, values, ready):
    env, worst = lmdb_open(path, WORKERS * rows * 160 if worker == 0 else 0), 0.0
    ready()
    last = clock()
    for first in range(worker * rows, (worker + 1) * rows, len(values)):
        with env.begin(write=True) as txn, txn.cursor() as cursor:
            cursor.putmulti([(key(first + i), v.tobytes()) for i, v in enumerate(values)])
        now = clock()
        if now - last > worst:
            worst = now - last
        last = now
    env.close()
    return worst, last


def sqlite_block(path, worker, rows, values, ready):
    db, worst = sqlite_open(path), 0.0
    ready()
    last = clock()
    for first in range(worker * rows, (worker + 1) * rows, len(values)):
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO t VALUES (?,?)",
                       [(first + i, v.tobytes()) for i, v in enumerate(values)])
        db.execute("COMMIT")
        now = clock()
        if now - last > worst:
            worst = now - last
        last = now
    db.close()
    return worst, last


def h5py_block(path, worker, rows, values, ready):
    with h5py.File(f"{path}-{worker}", "w") as file:
        data = file.create_dataset("d", (0, 2, 2), "c16", maxshape=(None, 2, 2), chunks=(4096, 2, 2))
        worst = h5py_fill(data, rows, values, ready)
    return worst, clock()


def h5py_block_allocated(path, worker, rows, values, ready):
    with h5py.File(f"{path}-{worker}", "w") as file:
        how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        how.set_chunk((4096, 2, 2))
        how.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        shape, kind = h5py.h5s.create_simple((rows, 2, 2)), h5py.h5t.py_create(values.dtype)
        data = h5py.Dataset(h5py.h5d.create(file.id, b"d", kind, shape, how))
        worst = h5py_fill(data, rows, values, ready)
    return worst, clock()


def h5py_fill(data, rows, values, ready):
    worst = 0.0
    ready()
    last = clock()
    for start in range(0, rows, len(values)):
        if len(data) < rows:
            data.resize(start + len(values), 0)
        data[start:start + len(values)] = values
        now = clock()
        if now - last > worst:
            worst = now - last
        last = now
    return worst


def copse_one(path, worker, rows, values, ready):
    with copse.open(path, create=True, prefault_bytes=WORKERS * rows * 160) as db:
        table, matrix, worst = db.map("t", "u64", M22), values[0], 0.0
        ready()
        last = clock()
        for i in range(worker * rows, (worker + 1) * rows):
            table[i] = matrix
            now = clock()
            if now - last > worst:
                worst = now - last
            last = now
    return worst, last


def copse_later(path, worker, rows, values, ready):
    with copse.open(path, create=True, prefault_bytes=WORKERS * rows * 160) as db:
        table, matrix, batch, worst = db.map("t", "u64", M22), values[0], db.batch(), 0.0
        ready()
        last = clock()
        for i in range(worker * rows, (worker + 1) * rows):
            batch.put(table, i, matrix)
            ticket = batch.commit()
            now = clock()
            if now - last > worst:
                worst = now - last
            last = now
        ticket.outcome()
        last = clock()
    return worst, last


def lmdb_one(path, worker, rows, values, ready):
    env, worst = lmdb_open(path, WORKERS * rows * 160 if worker == 0 else 0), 0.0
    matrix = values[0].tobytes()
    ready()
    last = clock()
    for i in range(worker * rows, (worker + 1) * rows):
        with env.begin(write=True) as txn:
            txn.put(i.to_bytes(8, "big"), matrix)
        now = clock()
        if now - last > worst:
            worst = now - last
        last = now
    env.close()
    return worst, last


def sqlite_one(path, worker, rows, values, ready):
    db, matrix, worst = sqlite_open(path), values[0].tobytes(), 0.0
    ready()
    last = clock()
    for i in range(worker * rows, (worker + 1) * rows):
        while True:
            try:
                db.execute("INSERT INTO t VALUES (?,?)", (i, matrix))
                break
            except sqlite3.OperationalError:  # "database is locked"
                pass
        now = clock()
        if now - last > worst:
            worst = now - last
        last = now
    db.close()
    return worst, last


BLOCK = {"copse": copse_block_allocated, "copse, growing": copse_block,
         "lmdb": lmdb and lmdb_block, "h5py": h5py and h5py_block_allocated,
         "h5py, growing": h5py and h5py_block, "sqlite": sqlite_block}
ONE = {"copse": copse_one, "lmdb": lmdb and lmdb_one, "sqlite": sqlite_one}
LATER = {"copse": copse_later, "lmdb": lmdb and lmdb_one}
