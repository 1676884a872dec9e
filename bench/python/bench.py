#!/usr/bin/env python3
"""copse from Python beside py-lmdb, sqlite3, h5py, dicts, .npy files, lxml and BeautifulSoup, in one run, interleaved.

    bench.py [--rounds N] [--rows N] [--only WORD] [--json FILE]

Every round does each engine's work once, one after the other; medians of the rounds are shown, with
minimum and maximum. Stores lie in shared memory, without durability. Engines that are not installed are
left out. bench/README.md says what the rows are.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time

import engines
import pages
import reading
import writing

LOWER = ("_ns", "per_key")


class Report:
    def __init__(self):
        self.samples = {}  # (workload, engine, metric, processes): figures

    def add(self, workload, engine, metric, processes, figure):
        self.samples.setdefault((workload, engine, metric, processes), []).append(figure)

    def rows(self):
        return [{"workload": workload, "engine": engine, "metric": metric, "processes": processes,
                 "median": statistics.median(seen), "min": min(seen), "max": max(seen),
                 "rounds": len(seen)}
                for (workload, engine, metric, processes), seen in self.samples.items()]

    def show(self, workload, metric):
        group = [row for row in self.rows() if (row["workload"], row["metric"]) == (workload, metric)]
        best, digits = group[0]["median"], 2 if metric == "blocks_per_key" else 0
        print(f"\n{workload}, {metric}")
        for row in group:
            text = "  {engine:18} {median:16,.{0}f} ({min:,.{0}f} to {max:,.{0}f})".format(digits, **row)
            ratio = row["median"] / best if metric.endswith(LOWER) else best / row["median"]
            print(text + (f"  {group[0]['engine']}: {ratio:.2f} x" if row is not group[0] else ""))
        sys.stdout.flush()


def meta(options):
    git = subprocess.run(["git", "-C", os.path.dirname(os.path.abspath(__file__)), "describe",
                          "--always", "--abbrev=12", "--exclude=*", "--dirty=-modified"],
                         stdout=subprocess.PIPE, text=True)
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return {"commit": git.stdout.strip(), "cpu": models[0] if models else platform.machine(),
            "cores": str(os.cpu_count()), "kernel": f"{platform.system()} {platform.release()}",
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "durability": "none",
            "directory": "/dev/shm", "python": platform.python_version(),
            "records": str(options.rows), "record": "matrices of 64 bytes; keys of 24 bytes",
            "rounds": str(options.rounds),
            **{name: text for name, text in engines.SETTINGS.items() if text}}


def write(options, report):
    kinds = [("py-matrices1000", 1000, 4 * options.rows, writing.BLOCK),
             ("py-matrices1", 1, options.rows // 2, writing.ONE),
             ("py-matrices1-async", 1, 2 * options.rows, writing.LATER)]
    for workload, block, rows, functions in kinds:
        if options.only not in workload:
            continue
        rows = max(rows // engines.WORKERS // block * block, block)
        for _ in range(options.rounds):
            for engine, function in functions.items():
                if function:
                    rate, worst = engines.in_workers(function, rows, block)
                    report.add(workload, engine, "puts_s", engines.WORKERS, rate)
                    report.add(workload, engine, "worst_ns", engines.WORKERS, worst * 1e9)
        for metric in ("puts_s", "worst_ns"):
            report.show(workload, metric)


def read(options, report):
    with engines.Folder() as folder:
        run(options, report, reading.Reading(folder, options.rows).workloads())


def run(options, report, workloads):
    for workload, metric, functions in workloads:
        if options.only not in workload:
            continue
        for _ in range(options.rounds):
            for engine, function in functions.items():
                if function:
                    report.add(workload, engine, metric, 1, function())
        report.show(workload, metric)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1000000)
    parser.add_argument("--only", default="", help="workloads whose names contain this")
    parser.add_argument("--json", help="where to write the figures, too")
    options = parser.parse_args()
    report = Report()
    write(options, report)
    if "html" not in options.only:
        read(options, report)
    run(options, report, pages.Pages(120).workloads())
    if options.json:
        rows = ",\n    ".join(json.dumps(row) for row in report.rows())
        head = json.dumps(meta(options), indent=2).replace("\n", "\n  ")
        with open(options.json, "w", encoding="utf-8") as file:
            file.write(f'{{\n  "meta": {head},\n  "rows": [\n    {rows}\n  ]\n}}\n')
    return 0


if __name__ == "__main__":
    sys.exit(main())
