#!/usr/bin/env python3
"""The same job as circuits.py, in the two recipes that people use today, to compare with.

    today.py [--workers N] [--blocks N] [--block N] [--files N] [--folder PATH]

sqlite3 with WAL and synchronous=OFF: each worker inserts row by row, a transaction each, and tries
again when the database is locked. Files: one .npy for each matrix, as np.save writes it (fewer of
them, --files for each worker). A worker is killed half way in both. Prints rates, errors, bytes for
each row, and what is left of the killed worker's block.
"""
import argparse
import multiprocessing
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import time

import numpy as np

from circuits import random_circuits


def into_sqlite(path, number, options, locked):
    db = sqlite3.connect(path, timeout=0, isolation_level=None)
    db.execute("PRAGMA synchronous=OFF")
    for block in range(options.blocks):
        rng = np.random.default_rng([number, block])
        sequences, matrices = random_circuits(rng, options.block, 1)
        for i, (sequence, matrix) in enumerate(zip(sequences, matrices)):
            row = (number, block, i, " ".join(sequence), matrix.tobytes())
            while True:
                try:
                    db.execute("INSERT INTO unitary VALUES (?,?,?,?,?)", row)
                    break
                except sqlite3.OperationalError:
                    with locked.get_lock():
                        locked.value += 1


def into_files(folder, number, options, locked):
    names = os.path.join(folder, str(number))
    os.makedirs(names)
    rng = np.random.default_rng([number])
    for sequence, matrix in zip(*random_circuits(rng, options.files, 1)):
        np.save(os.path.join(names, "-".join(sequence) + ".npy"), matrix)


def run(name, target, place, options, count_rows, whole):
    """Starts the workers, kills one half way, and tells what came of it."""
    locked = multiprocessing.Value("q", 0)
    begin = time.monotonic()
    workers = [multiprocessing.Process(target=target, args=(place, n, options, locked))
               for n in range(options.workers)]
    for process in workers:
        process.start()
    while count_rows() < whole // 2 and any(process.is_alive() for process in workers):
        time.sleep(0.02)
    if workers[0].is_alive():
        os.kill(workers[0].pid, signal.SIGKILL)
    for process in workers:
        process.join()
    seconds, rows = time.monotonic() - begin, count_rows()
    print(f"  {name}: {rows:,} rows in {seconds:.2f} s, {rows / seconds:,.0f} a second; "
          f"{locked.value:,} times 'database is locked'")
    return rows


def disk_bytes(folder):
    return sum(os.lstat(os.path.join(parent, name)).st_blocks * 512
               for parent, _, names in os.walk(folder) for name in names)


def with_sqlite(folder, options):
    path = os.path.join(folder, "circuits.sqlite")
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("CREATE TABLE unitary (worker, block, number, circuit TEXT, matrix BLOB)")
    db.commit()
    rows = run("sqlite3", into_sqlite, path, options,
               lambda: db.execute("SELECT max(rowid) FROM unitary").fetchone()[0] or 0,
               options.workers * options.blocks * options.block)
    left = db.execute("SELECT max(block), count(*) FROM unitary WHERE worker = 0").fetchone()
    db.close()
    print(f"    {disk_bytes(folder) / rows:.0f} bytes for each row; of the killed worker {left[1]:,} "
          f"rows, the last in the middle of block {left[0]}")
    begin = time.monotonic()
    db = sqlite3.connect(path)
    array = np.array([np.frombuffer(row[0], "c16").reshape(2, 2)
                      for row in db.execute("SELECT matrix FROM unitary")])
    print(f"    as one array {array.shape} in {(time.monotonic() - begin) * 1000:.0f} ms")


def with_files(folder, options):
    def count():
        return sum(len(names) for _, _, names in os.walk(folder))

    rows = run("a file for each matrix", into_files, folder, options, count,
               options.workers * options.files)
    broken = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                np.load(os.path.join(parent, name))
            except (ValueError, EOFError, OSError):
                broken += 1
    print(f"    {disk_bytes(folder) / rows:.0f} bytes for each row; {broken} files that cannot be "
          "read")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--block", type=int, default=4096)
    parser.add_argument("--files", type=int, default=2500)
    parser.add_argument("--folder", default="/dev/shm")
    options = parser.parse_args()
    for recipe in (with_sqlite, with_files):
        folder = tempfile.mkdtemp(prefix="circuits-today-", dir=options.folder)
        try:
            recipe(folder, options)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
