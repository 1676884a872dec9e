"""Diffs, watches (waiting, in asyncio, cancelled), signals that end waits, statistics."""
import asyncio
import os
import signal
import subprocess
import sys
import threading
import unittest

import copse
from copse import Kind
from support import Test, main


class Following(Test):
    def test_diff(self):
        m = self.db.map("m", key="tuple", value="u32")
        m.put_many([("a",), ("b",), ("c",)], [1, 2, 3])
        before = self.db.snapshot()
        with self.db.write() as t:
            del t[m][("a",)]
            t[m][("b",)] = 5
            t[m][("d",)] = 4
        after = self.db.snapshot()
        self.assertEqual(m.diff(before, after), [
            (Kind.REMOVED, ("a",), 1, None), (Kind.CHANGED, ("b",), 2, 5),
            (Kind.ADDED, ("d",), None, 4)])
        self.assertEqual([c.key for c in m.diff(after, before, ("b",), ("d",))], [("b",)])
        with self.assertRaises(TypeError):
            m.diff(before, before)

    def test_watch(self):
        m = self.db.map("m", key="u64")
        with m.watch(10, 20) as watch:
            with self.assertRaises(copse.Timeout):
                watch.next(timeout=0)
            m[5] = b""
            with self.assertRaises(copse.Timeout):
                watch.next(timeout=0)
            m[15] = b"x"
            m[16] = b"y"
            event = watch.next()
            self.assertEqual(event.commits, 3)
            self.assertEqual(list(event), [(Kind.ADDED, 15, None, b"x"),
                                           (Kind.ADDED, 16, None, b"y")])
            self.assertEqual(event.keys(), [])
            thread = threading.Thread(target=lambda: m.put(17, b"z"))
            thread.start()
            later = watch.next(timeout=60)
            thread.join()
            self.assertEqual(later.keys(), [17])
            with self.says(RuntimeError, "later"):
                next(event)
        with self.assertRaises(copse.Cancelled):
            watch.next()

    def test_cancel_from_another_thread(self):
        watch = self.db.map("m").watch()
        threading.Timer(0.01, watch.cancel).start()
        with self.assertRaises(copse.Cancelled):
            watch.next()

    def test_close_ends_a_wait(self):
        watch = self.db.map("m").watch()
        threading.Timer(0.01, self.db.close).start()
        with self.assertRaises(copse.Closed):
            watch.next()

    def test_asyncio(self):
        m = self.db.map("m", key="u64")

        async def follow():
            seen = []
            watch = m.watch()
            asyncio.get_running_loop().call_soon(m.put, 1, b"")
            async for event in watch:
                seen += event.keys()
                if len(seen) == 3:
                    return seen
                asyncio.get_running_loop().call_soon(m.put, len(seen) + 1, b"")

        self.assertEqual(asyncio.run(asyncio.wait_for(follow(), 60)), [1, 2, 3])

    def test_wait(self):
        m = self.db.map("m")
        before = self.db.version
        with self.assertRaises(copse.Timeout):
            self.db.wait(timeout=0)
        m[b"a"] = b""
        self.assertEqual(self.db.wait(before), self.db.version)
        self.assertEqual(m.wait(before, 1), m.changed)
        self.db.wait_durable()

    def test_statistics(self):
        m = self.db.map("m")
        m[b"a"] = b"1"
        with self.db.snapshot():
            stats = self.db.stats()
            self.assertEqual((stats.version, stats.maps, stats.snapshots, stats.processes),
                             (self.db.version, 1, 2 - 1, 1))
            (reader,) = self.db.readers()
            self.assertEqual((reader.pid, reader.snapshots, reader.alive), (os.getpid(), 1, True))
        seen = []
        check = self.db.check(progress=lambda done, all: seen.append(done))
        self.assertEqual((check.records, check.errors, check.faults), (1, 0, []))
        self.assertTrue(seen)
        with self.assertRaises(ZeroDivisionError):
            self.db.check(progress=lambda done, all: 1 / 0)


class Signals(Test):
    PROGRAM = """
import copse, signal, sys, os, threading
db = copse.open(sys.argv[1])
m = db.map("m")
wait = {"write": lambda: db.write(), "watch": lambda: m.watch().next(), "wait": lambda: db.wait(),
        "put": lambda: m.put(b"", b"")}[sys.argv[2]]
try:
    print("ready", flush=True)
    wait()
except KeyboardInterrupt:
    print("interrupted")
"""

    def test_ctrl_c_ends_every_wait(self):
        self.db.map("m")
        with self.db.write():
            for what in ("write", "watch", "wait", "put"):
                with self.subTest(what):
                    process = subprocess.Popen([sys.executable, "-c", self.PROGRAM, self.path, what],
                                               stdout=subprocess.PIPE, text=True)
                    self.assertEqual(process.stdout.readline(), "ready\n")
                    process.send_signal(signal.SIGINT)
                    out, _ = process.communicate(timeout=60)
                    self.assertEqual((out, process.returncode), ("interrupted\n", 0))

    def test_a_handler_that_returns_does_not_end_it(self):
        handled = []
        before = signal.signal(signal.SIGALRM, lambda *_: handled.append(1))
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        m = self.db.map("m")
        watch = m.watch()
        timer = threading.Timer(0.2, m.put, (b"a", b""))
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        timer.start()
        self.assertEqual(watch.next().keys(), [b"a"])
        self.assertTrue(handled)


if __name__ == "__main__":
    main()
