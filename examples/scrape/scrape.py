#!/usr/bin/env python3
"""A whole manual in one store: its pages are parsed once, then changed and asked at the same time.

    scrape.py [--pages FOLDER] [--store PATH] [--workers N] [--rounds N] [--limit N] [--kill]

This process parses all HTML pages of a folder (Debian's postgresql-doc-15) into documents of a store, then goes on
changing them: in each round it throws scripts away, rewrites the links between pages to the round's
address, and numbers the headings anew - a transaction for each page. Workers answer selector queries
meanwhile, each on a snapshot, and check that a page is all of one round; --kill kills one half way, and
starts it again. At the end the workers' pool tells what is in the pages, and that has to be what one thread finds
that parses and changes them for itself.
"""
import argparse
import collections
import hashlib
import multiprocessing
import os
import random
import signal
import sys
import time

import copse

HERE = "a[href$='.html']:not([href*='//']), a[href*='.html#']:not([href*='//'])"
HEADINGS = "h1, h2, h3"
QUESTIONS = (HERE, HEADINGS, "script", "a[href]:not([href^='/'])", "pre, code", "table tr:nth-child(odd) > td",
             "div > p:first-of-type", "li:has(> p)", ".number")
PROGRESS_EVERY = 20


def find_pages(folder, limit):
    """Paths below the folder."""
    found = []
    for place, folders, files in os.walk(folder):
        folders.sort()
        found += [os.path.relpath(os.path.join(place, file), folder) for file in sorted(files)
                  if file.endswith((".html", ".htm"))]
    return found[:limit]


def parse_all(store, folder, paths):
    """Documents of all pages, in order, and how many bytes they were made from."""
    documents, size = [], 0
    for number, path in enumerate(paths):
        with open(os.path.join(folder, path), "rb") as file:
            data = file.read()
        document = store.document(f"page{number}")
        document.parse(data)
        documents.append(document)
        size += len(data)
    return documents, size


def change(page, round_number):
    """One round on one page, bound to a transaction; how many nodes it touched."""
    touched = 0
    for script in page.select("script"):
        script.remove()
        touched += 1
    for link in page.select(HERE):
        link["href"] = f"/{round_number}/" + link["href"].rpartition("/")[2]
        touched += 1
    for old in page.select(".number"):
        old.remove()
    for number, heading in enumerate(page.select(HEADINGS), 1):
        heading.prepend(page.new_tag("span", class_="number"))
        heading.first.text = f"{round_number}.{number} "
        touched += 1
    return touched


def inspect(page):
    """The round of a page as one snapshot shows it; None when it is not all of one."""
    rounds = {link["href"].split("/")[1] if link["href"].startswith("/") else "0"
              for link in page.select(HERE)}
    numbers = [span.text.strip().split(".") for span in page.select(".number")]
    rounds |= {number[0] for number in numbers} or ({"0"} if page.select(HEADINGS) else set())
    in_order = [number[1] for number in numbers] == [str(i + 1) for i in range(len(numbers))]
    return rounds if len(rounds) <= 1 and in_order else None


def worker(store, number, count):
    """Asks until the map "state" says that it is over; tells how far it is in the map "progress"."""
    documents = [store.document(f"page{i}", create=False) for i in range(count)]
    progress, state = store.map("progress"), store.map("state")
    rng, asked, seen = random.Random(os.getpid()), 0, collections.Counter()
    me = f"{number}-{os.getpid()}".encode()
    while b"over" not in state or asked < PROGRESS_EVERY:
        with store.snapshot() as snapshot:
            page = snapshot[rng.choice(documents)]
            rounds = inspect(page)
            if rounds is None:
                raise AssertionError(f"{page.name} is not of one round")
            found = page.select(rng.choice(QUESTIONS))
            for node in found[:5]:
                node.text  # it is there, whatever the writer does now
        seen.update(rounds)
        asked += 1
        if asked % PROGRESS_EVERY == 0:
            progress[me] = b"%d %d" % (asked, len(seen))


def answers(page):
    """What is told of a page: how many match each question, and a sum of all that it says."""
    return [len(page.select(question)) for question in QUESTIONS] + \
        [hashlib.sha256(page.to_html().encode()).hexdigest()]


def start(context, store, number, count):
    process = context.Process(target=worker, args=(store, number, count), daemon=True)
    process.start()
    return process


def see_to(workers):
    """Ends all, when one of them failed."""
    if any(process.exitcode for process in workers):
        for process in workers:
            process.kill()
            process.join()
        sys.exit("a worker failed")


def wait_until(store, workers, reached):
    """Waits for commits of the workers."""
    while not reached():
        see_to(workers)
        try:
            store.wait(timeout=0.2)
        except copse.Timeout:
            pass


def change_all(store, documents, options, context):
    """All rounds, with workers asking; returns (transactions, nodes touched, workers started)."""
    progress = store.map("progress")
    store.map("state")

    def has_asked(process):
        return any(key.endswith(b"-%d" % process.pid) for key in progress)

    workers = [start(context, store, i, len(documents)) for i in range(options.workers)]
    started, touched, transactions = len(workers), 0, 0
    wait_until(store, workers, lambda: all(map(has_asked, workers)))
    for round_number in range(1, options.rounds + 1):
        if options.kill and round_number == (options.rounds + 1) // 2:
            os.kill(workers[0].pid, signal.SIGKILL)
            workers[0].join()
            print(f"worker 0 was killed in round {round_number}, and starts again")
            workers[0] = start(context, store, 0, len(documents))
            started += 1
        for document in documents:
            with store.write() as t:
                touched += change(t[document], round_number)
            transactions += 1
        see_to(workers)
    wait_until(store, workers, lambda: all(map(has_asked, workers)))
    store.map("state")[b"over"] = b""
    for process in workers:
        process.join()
    see_to(workers)
    return transactions, touched, started


def alone(options, paths):
    """The same by one thread, in a store of its own: what the answers have to be."""
    with copse.open(None) as store:
        documents, _ = parse_all(store, options.pages, paths)
        for round_number in range(1, options.rounds + 1):
            for document in documents:
                with store.write() as t:
                    change(t[document], round_number)
        return [answers(document) for document in documents]


def run(store, options, paths):
    began = time.monotonic()
    documents, size = parse_all(store, options.pages, paths)
    took = time.monotonic() - began
    nodes = sum(document.info().nodes for document in documents)
    print(f"{len(paths):,} pages, {size / 1e6:.1f} MB: {nodes:,} nodes, parsed in {took:.1f} s "
          f"({size / 1e6 / took:.0f} MB/s)")

    context = multiprocessing.get_context("spawn")
    began = time.monotonic()
    transactions, touched, started = change_all(store, documents, options, context)
    took = time.monotonic() - began
    told = [tuple(map(int, value.split())) for value in store.map("progress").values()]
    print(f"{options.rounds} rounds: {transactions:,} transactions changed {touched:,} nodes, while {started} workers "
          f"looked at {sum(n for n, _ in told):,} pages, in {took:.1f} s; each saw {min(r for _, r in told)} to "
          f"{max(r for _, r in told)} rounds")

    with context.Pool(options.workers) as pool:
        found = pool.map(answers, documents, chunksize=max(len(documents) // 64, 1))
    expected = alone(options, paths)
    for question, count in zip(QUESTIONS, [sum(column) for column in list(zip(*found))[:-1]]):
        print(f"{count:9,}  {question}")
    wrong = sum(mine != theirs for mine, theirs in zip(found, expected))
    faults = [fault for document in documents for fault in document.check()]
    print(f"{len(found) - wrong:,} of {len(paths):,} pages are what one thread makes of them; "
          f"{len(faults)} faults")
    return not wrong and not faults and len(found) == len(paths)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--pages", default="/usr/share/doc/postgresql-doc-15/html")
    parser.add_argument("--store", default=f"/dev/shm/scrape-{os.getpid()}")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--limit", type=int, default=None, help="so many pages at most")
    parser.add_argument("--kill", action="store_true")
    options = parser.parse_args()
    paths = find_pages(options.pages, options.limit)
    if not paths:
        sys.exit(f"there are no pages in {options.pages}; scripts/install-deps.sh demo-html installs some")
    try:
        with copse.open(options.store, create=True, exclusive=True) as store:
            well = run(store, options, paths)
    finally:
        copse.remove(options.store)
    print("all is as it should be" if well else "SOMETHING IS WRONG")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
