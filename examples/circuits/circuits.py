#!/usr/bin/env python3
"""Random quantum circuits and their unitaries, by several processes into one store.

    circuits.py [--store PATH] [--workers N] [--method spawn|fork] [--blocks N] [--block N]
                [--qubits 1|2|3] [--kill]

Each worker makes blocks of circuits (tuples of gate names), computes their unitary matrices, and
stores both as it goes: the matrices in an arena, the circuits as tuple keys of a map that tells which
matrix is whose. A block is published whole or not at all, so a worker that starts again goes on
behind the last block it has published; --kill kills one half way to show it. This process follows
the progress meanwhile, and then reads everything: as one array, by circuit, and checks it.
"""
import argparse
import itertools
import multiprocessing
import os
import sys
import time

import copse
import numpy as np

S2 = 1 / np.sqrt(2)
ONE_QUBIT = {"H": np.array([[S2, S2], [S2, -S2]], "c16"),
             "T": np.diag([1, np.exp(0.25j * np.pi)]).astype("c16"),
             "S": np.diag([1, 1j]).astype("c16")}
SHORTEST, LONGEST = 8, 24


def gates(qubits):
    """A universal set: names and matrices of H, T, S on each qubit and CX on each pair."""
    found = {}
    for at, (name, matrix) in itertools.product(range(qubits), ONE_QUBIT.items()):
        parts = [matrix if i == at else np.eye(2) for i in range(qubits)]
        whole = parts[0]
        for part in parts[1:]:
            whole = np.kron(whole, part)
        found[f"{name}{at}"] = whole
    for control, target in itertools.permutations(range(qubits), 2):
        matrix = np.zeros((2**qubits, 2**qubits), "c16")
        for state in range(2**qubits):
            bit = state >> (qubits - 1 - control) & 1
            matrix[state ^ bit << (qubits - 1 - target), state] = 1
        found[f"CX{control}{target}"] = matrix
    return list(found), np.array(list(found.values()))


def random_circuits(rng, n, qubits):
    """n circuits, as tuples of gate names, and their unitaries: (n, 2**qubits, 2**qubits)."""
    names, matrices = gates(qubits)
    lengths = rng.integers(SHORTEST, LONGEST + 1, n)
    picks = rng.integers(0, len(names), (n, LONGEST))
    products = np.broadcast_to(np.eye(2**qubits, dtype="c16"), (n, 2**qubits, 2**qubits)).copy()
    for step in range(LONGEST):
        going = step < lengths
        products[going] = matrices[picks[going, step]] @ products[going]
    return [tuple(names[p] for p in row[:n]) for row, n in zip(picks, lengths)], products


def worker(unitaries, circuits, done, number, options):
    """Makes the blocks of one worker that are not there yet."""
    for block in range(options.blocks):
        if (number, block) in done:
            continue
        rng = np.random.default_rng([number, block])
        sequences, matrices = random_circuits(rng, options.block, options.qubits)
        with unitaries.reserve(options.block) as room:  # no lock is held while it is filled
            room.array[:] = matrices
            with unitaries.store.write() as t:  # writers wait for one another, and none is refused
                ids = t.publish(room)
                t[circuits].put_many(sequences, ids)
                t[done][(number, block)] = ids[0]


def containers(db, qubits):
    size = 2**qubits
    return (db.arena(f"unitary{qubits}", record=np.dtype(("c16", (size, size)))),
            db.map(f"circuits{qubits}", key="tuple", value="u64"),
            db.map(f"done{qubits}", key="tuple", value="u64"))


def bar(part, whole, rate):
    filled = int(40 * part / whole)
    ending = "\r" if sys.stdout.isatty() and part < whole else "\n"
    print(f"  [{'#' * filled}{'.' * (40 - filled)}] {part:,} of {whole:,} circuits, "
          f"{rate:,.0f} a second", end=ending, flush=True)


def follow(db, done, processes, start, options):
    """Shows the progress until all workers have ended. Kills one half way if that is wanted."""
    whole, killed, shown = options.workers * options.blocks, not options.kill, -1.0
    begin = time.monotonic()
    while any(process.is_alive() for process in processes) or len(done) < whole:
        try:
            done.wait(done.changed, timeout=0.1)
        except copse.Timeout:
            if not any(process.is_alive() for process in processes) and len(done) < whole:
                raise SystemExit("a worker has failed") from None
        count, now = len(done), time.monotonic()
        if sys.stdout.isatty() or now - shown > 1 or count == whole:
            bar(count * options.block, whole * options.block, count * options.block / (now - begin))
            shown = now
        if not killed and count >= whole // 2:
            killed = True
            processes[0].kill()
            processes[0].join()
            print("\n  worker 0 was killed; it starts again and goes on behind its last block")
            processes[0] = start(0)
        if count == whole:
            break
    for process in processes:
        process.join()


def check(db, unitaries, circuits, options):
    """Reads everything back, and says what is wrong: a list of sentences."""
    wrong = []
    with db.snapshot() as s:
        begin = time.monotonic()
        where, array = s[unitaries].to_array(indexes=True)
        seconds = time.monotonic() - begin
        print(f"  {len(array):,} matrices as one array in {seconds * 1000:.1f} ms, "
              f"{array.nbytes / max(seconds, 1e-9) / 1e9:.1f} GB/s")
        traces = sum(np.trace(chunk, axis1=1, axis2=2).sum() for _, chunk in s[unitaries].chunks())
        if not np.allclose(traces, np.trace(array, axis1=1, axis2=2).sum()):
            wrong.append("the chunks differ from the array")
        if len(array) != options.workers * options.blocks * options.block:
            wrong.append(f"there are {len(array)} matrices")
        size = 2**options.qubits
        identity = array @ array.conj().swapaxes(1, 2)
        if np.abs(identity - np.eye(size)).max() > 1e-9:
            wrong.append("a matrix is not unitary")
        names, matrices = gates(options.qubits)
        step, checked, last = max(1, len(s[circuits]) // 1000), 0, None
        for sequence, i in itertools.islice(s[circuits].range(), 0, None, step):
            product = np.eye(size)
            for name in sequence:
                product = matrices[names.index(name)] @ product
            if not np.allclose(product, s[unitaries][i]):
                wrong.append(f"the matrix of {sequence} is not its product")
            checked, last = checked + 1, (sequence, i)
        print(f"  {checked:,} circuits multiplied out again and compared")
        prefix = ("H0", "T0")
        alike = list(s[circuits].prefix(prefix))
        print(f"  {len(alike):,} circuits begin with {' '.join(prefix)}")
        matrix = s[unitaries][last[1]]
    if matrix.flags.writeable or not np.allclose(matrix, array[np.searchsorted(where, last[1])]):
        wrong.append("a matrix changed when its snapshot was closed")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", default=f"/dev/shm/copse-circuits-{os.getpid()}")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--method", choices=("spawn", "fork"), default="spawn")
    parser.add_argument("--blocks", type=int, default=64, help="of each worker")
    parser.add_argument("--block", type=int, default=4096, help="circuits in a block")
    parser.add_argument("--qubits", type=int, choices=(1, 2, 3), default=1)
    parser.add_argument("--kill", action="store_true", help="kill a worker half way")
    options = parser.parse_args()
    context = multiprocessing.get_context(options.method)
    fresh = not os.path.exists(options.store)
    with copse.open(options.store, create=True) as db:
        unitaries, circuits, done = containers(db, options.qubits)

        def start(number):
            process = context.Process(target=worker, args=(unitaries, circuits, done, number,
                                                           options))
            process.start()
            return process

        print(f"{options.workers} workers ({options.method}) into {options.store}")
        begin = time.monotonic()
        follow(db, done, [start(n) for n in range(options.workers)], start, options)
        seconds = time.monotonic() - begin
        count, stats = len(unitaries), db.stats()
        print(f"  {count:,} in {seconds:.2f} s; {stats.used_bytes / count:.0f} bytes for each "
              f"(matrix {unitaries.dtype.itemsize}, and the circuit as a key)")
        wrong = check(db, unitaries, circuits, options)
        faults = db.check().faults
    if fresh:
        copse.remove(options.store)
    for sentence in wrong + faults:
        print("  WRONG:", sentence)
    print("all is as it should be" if not wrong + faults else "there are faults")
    return 1 if wrong + faults else 0


if __name__ == "__main__":
    sys.exit(main())
