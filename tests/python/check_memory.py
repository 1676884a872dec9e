"""Every allocation of every call fails once: MemoryError and nothing else, what was lent stays as it was, no
lease leaks, and the call goes well when it is made again.

The nth allocation fails, for n from 1 on until a call goes through without one. Python's own hook
(_testcapi) lets Python's allocations fail; in a second process a malloc() loaded before libc's (memory.c) lets
those of the library and of the extension fail, too.
"""
import ctypes
import gc
import os
import pickle
import subprocess
import sys
import unittest

import copse
from copse.compat import acid
from support import Test, main, numpy

try:
    import _testcapi
except ImportError:
    _testcapi = None

HERE = os.path.dirname(os.path.abspath(__file__))
PRELOADED = "COPSE_TEST_MEMORY" in os.environ
MOST = 3000  # allocations that a call may make
QUIET = 25  # so many calls in a row went well: it has no more allocations (_testcapi does not tell)
# Where Python 3.11 itself returns without an exception when it has no memory: frames, its compiler.
PYTHONS = ("error return without exception set", "<function ", "<built-in function compile>")


class Injector:
    """Lets the nth allocation fail; then tells whether it came to that, or None: not known."""

    def __init__(self):
        if PRELOADED:
            library = ctypes.CDLL(None)
            self.fail, self.failed = library.memory_fail, library.memory_failed
            self.fail.argtypes, self.fail.restype = [ctypes.c_long], None

    def begin(self, n):
        if PRELOADED:
            self.fail(n)
        else:
            _testcapi.set_nomemory(n, n + 1)

    def end(self):
        while PRELOADED:
            try:
                self.fail(0)
                return bool(self.failed())
            except (MemoryError, ctypes.ArgumentError):
                pass  # it came to that just here
        _testcapi.remove_mem_hooks()
        return None


def swallow(*exceptions):
    """A call in which these exceptions are the right answer."""
    def wrap(work):
        def call():
            try:
                work()
            except exceptions:
                pass
        return call
    return wrap


@unittest.skipUnless(PRELOADED or _testcapi, "this Python has no _testcapi")
class Memory(Test):
    def setUp(self):
        super().setUp()
        self.bytes = self.db.map("bytes")
        self.tuples = self.db.map("tuples", key="tuple", value="f64")
        self.fixed = self.db.map("fixed", key="u64", value=100)
        self.slots = self.db.arena("slots", record=100)
        for i in range(40):
            self.bytes[b"%03d" % i] = b"%d" % i * 300
            self.tuples[("x", i, None, (1.5, b"y"))] = i / 2
            self.fixed[i] = bytes([i]) * 100
        self.handles = [self.slots.insert(bytes([i]) * 100) for i in range(40)]
        if numpy is not None:
            self.arrays = self.db.arena("shapes", record=numpy.dtype(("f8", (2, 3))))
            self.arrays.append_many(numpy.arange(6 * 40.).reshape(40, 2, 3))
        self.snapshot = self.db.snapshot()
        self.keep()
        self.injector = Injector()

    def keep(self):
        """What is alive while memory runs out."""
        s = self.snapshot
        self.kept = [s[self.bytes].view(b"%03d" % i) for i in range(0, 40, 3)]
        self.kept += [memoryview(v)[5:50] for v in self.kept]
        self.kept += [self.slots[i] for i in range(0, 40, 5)]
        if numpy is not None:
            self.kept += [self.arrays[i] for i in range(0, 40, 5)]
            self.kept += [chunk[1:] for _, chunk in self.arrays.chunks()]
        self.kept += [copse.hash_join(self.bytes, self.bytes), copse.Key("kept", 1)]
        self.content = [self.look(thing) for thing in self.kept]

    @staticmethod
    def look(thing):
        return thing.tobytes() if hasattr(thing, "tobytes") else \
            bytes(thing) if isinstance(thing, (copse.Value, copse.Key)) else None

    def go_through(self, calls):
        for name, call in calls.items():
            with self.subTest(name):
                self.go_through_one(call)
        self.assertEqual([self.look(thing) for thing in self.kept], self.content)

    def go_through_one(self, call):
        call()  # what is kept once for good is there
        gc.collect()
        leases, quiet = self.db.leases().leases, 0
        for n in range(1, MOST):
            failed = True
            try:
                self.injector.begin(n)
                call()
                failed = False
            except MemoryError:
                pass
            except SystemError as error:
                if not str(error).startswith(PYTHONS):
                    raise
            finally:
                came = self.injector.end()
            quiet = 0 if failed else quiet + 1
            if came is False and not failed or quiet > QUIET:
                break
        else:
            self.fail(f"more than {MOST} allocations")
        gc.collect()
        self.assertEqual(self.db.leases().leases, leases)
        call()

    def test_reading(self):
        b, t, f, s = self.bytes, self.tuples, self.fixed, self.snapshot
        key = ("x", 7, None, (1.5, b"y"))
        # Slots are called by their names, so that the interpreter says whose fault it is.
        self.go_through({
            "get": lambda: (b.__getitem__(b"003"), s[b].get(b"004"), t.__getitem__(key), f.__getitem__(3)),
            "get none": lambda: (b.get(b"none", 5), b.__contains__(b"none"), f.__contains__(5), t.__len__()),
            "KeyError": swallow(KeyError)(lambda: t.__getitem__(("x", 1))),
            "view": lambda: (b.view(b"003"), s[b].view(b"003"), s[f].view(3), t.view(key)),
            "copies": lambda: (b.view(b"003", policy="copy"), s[b].view(b"003", policy="copy")),
            "of a view": lambda: (bytes(b.view(b"003")), hash(b.view(b"003")), b.view(b"003")[3:7],
                                  b.view(b"003") < b"5", pickle.dumps(b.view(b"003"))),
            "bind": lambda: (s[b], s["bytes"], s["slots"]),
            "loops": lambda: (list(b), list(s[b].items()), list(t), list(t.values()),
                              list(reversed(s[t]))),
            "ranges": lambda: (list(b.range(b"003", b"030")), list(t.prefix(("x",))), t.first(),
                               b.last(), f.floor(7), f.ceiling(7)),
            "cursor": lambda: [(c.seek(b"007"), c.next(), c.prev(), c.close())
                               for c in [b.cursor(b"001", b"010")]],
            "multiget": lambda: (b.multiget([b"001", b"none"]), t.multiget([key]),
                                 s[f].multiget([1, 2])),
            "info": lambda: (self.db.stats(), self.db.readers(), self.db.maps(), s.maps(),
                             self.db.leases(), repr(b), b.changed),
            "check": lambda: self.db.check(),
            "snapshots": lambda: [(x.version, x.refresh(), x.close()) for x in [self.db.snapshot()]],
            "handles": lambda: (self.db.map("bytes"), self.db.map("tuples", "tuple", "f64"),
                                self.db.arena("slots", 100)),
            "pickles": swallow(pickle.PicklingError)(  # which hides what its import raised
                lambda: (pickle.dumps(b), pickle.dumps(self.db), pickle.dumps(self.slots))),
            "stores": lambda: [db.map("bytes")[b"003"] for db in [copse.open(self.path)]],
            "errors": swallow(copse.NoMap, copse.KeySize, TypeError)(
                lambda: self.db.map("none", create=False)),
        })

    def test_arenas(self):
        a, h, s = self.slots, self.handles[9], self.snapshot
        calls = {
            "get": lambda: (a.get(3), a.get(h), a.__getitem__(3), s[a].__getitem__(h), a.__contains__(h),
                            a.__contains__(99), a.__len__(), a.handle(3)),
            "not yet": swallow(copse.NotYet)(lambda: a.get(copse.Handle(h.arena, h.index, 99))),
            "chunks": lambda: (list(a.chunks()), list(s[a].indexes()), list(a.handles(3, 9))),
            "insert": lambda: [a.remove(i) for i in [a.insert(b"y" * 100)]],
            "update": lambda: a.update(h, bytes([9]) * 100),
            "append": lambda: [a.remove(i) for i in a.append_many([b"z" * 100] * 3)],
            "reserve": self.reserve,
        }
        if numpy is not None:
            n, values = self.arrays, numpy.ones((4, 2, 3))
            calls.update({
                "arrays": lambda: (n[3], n.get(3), s[n][4], list(n.chunks()), n.as_array(1, 9)),
                "to_array": lambda: (n.to_array(0, 40), n.to_array(indexes=True),
                                     n.to_array(0, 44, missing=numpy.eye(2, 3))),
                "append arrays": lambda: [n.remove(i) for i in n.append_many(values)],
                "save": lambda: (copse.save(self.path, "a", values), copse.load(self.path, "a"),
                                 copse.saved(self.path)),
            })
        self.go_through(calls)

    def reserve(self):
        a = self.slots
        with a.reserve(3) as r:
            r.fill([b"r" * 100] * 3)
            with self.db.write() as t:
                ids = t.publish(r)
                for i in ids:
                    t[a].remove(i)

    def test_writing(self):
        b, t, f = self.bytes, self.tuples, self.fixed
        self.go_through({
            "put": lambda: (b.put(b"new", b"x" * 500), t.put(("new", 2**80), 1), f.put(99, b"f" * 100)),
            "delete": lambda: (b.discard(b"new"), t.discard(("new", 2**80)), f.discard(99)),
            "conditions": lambda: (b.compare_and_set(b"000", b.get(b"000"), b"new"), f.replace(98, b"f" * 100)),
            "many": lambda: (b.put_many([b"p%d" % i for i in range(9)], [b"v"] * 9),
                             t.put_many([("m", i) for i in range(9)], [0.5] * 9)),
            "range": lambda: (b.delete_range(prefix=b"p"), t.delete_range(("m",), ("n",))),
            "transaction": self.transaction,
            "savepoint": self.savepoint,
            "batch": self.batch,
        })
        self.assertEqual(self.db.check().faults, [])

    def transaction(self):
        with self.db.write() as t:
            t[self.bytes][b"one"] = b"1"
            t[self.tuples][("one",)] = 1
            t[self.bytes].view(b"003")

    def savepoint(self):
        with self.db.write() as t:
            with t.savepoint():
                t[self.bytes][b"two"] = b"2"
            t.abort()

    def batch(self):
        batch = self.db.batch()
        batch.put(self.bytes, b"b", b"x")
        batch.put(self.tuples, ("b",), 1)
        batch.delete(self.bytes, b"none")
        batch.append(self.slots, b"y" * 100)
        batch.compare_and_set(self.bytes, b"none", None, None)
        ticket = batch.commit()
        self.slots.remove(ticket.outcome().first)

    def test_following(self):
        b, before = self.bytes, self.snapshot
        b[b"later"] = b"1"
        self.go_through({
            "diff": lambda: b.diff(before, self.db.snapshot()),
            "diff of tuples": lambda: self.tuples.diff(before, self.db.snapshot()),
            "watch": self.watch,
        })

    def watch(self):
        with self.bytes.watch(prefix=b"l") as watch:
            self.bytes[b"later"] = os.urandom(8)
            watch.next().keys()
            swallow(copse.Timeout)(lambda: watch.next(timeout=0))()

    @unittest.skipUnless(copse._copse.HTML, "this build has no parser")
    def test_documents(self):
        page = self.db.document("page")
        page.parse("<title>t</title><ul class='a b'><li>1<li>2</ul><svg><a xlink:href=x>")
        html, menu = page.to_html(), page.select_one("ul")
        bound = self.snapshot.store.snapshot()[page]
        link = page.select_one("a")
        self.go_through({
            "reading": lambda: (page.title, page.body.name, menu.text, menu["class"], dict(link.attrs), menu.kind,
                                "a" in menu.classes, menu.outer_html, page.to_html(pretty=True), repr(menu)),
            "steps": lambda: (menu.children, list(menu.descendants()), menu.parent, menu.first.next, {menu.last}),
            "selecting": lambda: (page.select("li:nth-child(2)"), bound.select_one("ul > li"),
                                  menu.matches("ul"), menu.closest("body")),
            "selectors": self.selectors,
            "bad selectors": swallow(copse.BadSelector)(lambda: page.select("li >")),
            "documents": lambda: (self.db.document("page"), self.db.documents(), page.info(), page.check()),
            "pickles": swallow(pickle.PicklingError)(lambda: pickle.dumps(menu)),
            "changing": lambda: self.change_node(page, menu),
        })
        if not PRELOADED:  # without memory from malloc() Rust ends the process
            self.go_through({
                "own": lambda: copse.html.parse("<p title=x>text").text(),
                "parse": lambda: self.parse_again(page),
                "fragment": lambda: page.fragment("<td>x", "tr").remove(),
            })
        self.assertEqual((page.to_html(), page.check()), (html, []))

    @staticmethod
    def selectors():
        copse.html._selector.cache_clear()
        copse.html._selector("ul.a > li:not(.b)")

    def parse_again(self, page):
        with self.db.write() as t:
            t[page].parse("<p>new")
            t.abort()

    def change_node(self, page, menu):
        with self.db.write() as t:
            node, bound = t[menu], t[page]
            node.append("text", bound.new_tag("li", title="x"))
            node["id"] = "y"
            node.classes.add("c")
            node.text = "3"
            node.first.text = "4"
            node.first.replace_with(node.clone(), "x")
            node.remove()
            t.abort()

    def test_joins(self):
        b, t, s = self.bytes, self.tuples, self.snapshot
        rows = [(b"003", object()), (b"005", 5)]
        self.go_through({
            "hash": lambda: (list(copse.hash_join(b, b)), list(copse.hash_join(s[t], s[t]))),
            "merge": lambda: (list(copse.merge_join(b, b)), list(copse.merge_join(t, t))),
            "rows": lambda: (list(copse.hash_join(rows, b)), list(copse.hash_join(b, rows)),
                             list(copse.merge_join(rows, b))),
            "columns": lambda: list(copse.hash_join(b, self.fixed, slice(0, 1), slice(0, 1))),
        })

    def test_keys(self):
        key = copse.Key("x", 1, None, (2.5, b"y"), 2**70)
        raw, listed = bytes(key), acid.pack_list([(1, "x"), (2,)])
        self.go_through({
            "make": lambda: (copse.Key(1, "x"), copse.Key.from_raw(raw), copse.Key.from_hex("1501"),
                             copse.KeyList.from_raw(b"", b"\x15\x01\x66\x15\x02")),
            "use": lambda: (tuple(key), key[1], key[1:3], key[::2], key + (1,), hash(key), key == (1,),
                            key < ("y",), repr(key), key.to_hex(), key.to_raw(b"p"),
                            key.prefix_bound(), pickle.loads(pickle.dumps(key)), bytes(key)),
            "pack": lambda: (copse.unpack(copse.pack(("x", 1, 2**90, -2**90, None, True, 1.5)))),
            "acid": lambda: (acid.unpack_list(listed), acid.to_keys(listed)),
        })


class Preloaded(unittest.TestCase):
    @unittest.skipIf(PRELOADED, "this is the second process")
    @unittest.skipIf(os.environ.get("LD_PRELOAD"), "another malloc() is loaded already")
    def test_every_malloc(self):
        import shutil
        import tempfile
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        library = os.path.join(folder, "memory.so")
        built = subprocess.run([*os.environ.get("CC", "cc").split(), "-shared", "-fPIC", "-O1", "-o", library,
                                os.path.join(HERE, "memory.c")])
        self.assertEqual(built.returncode, 0)
        env = dict(os.environ, LD_PRELOAD=library, PYTHONMALLOC="malloc", COPSE_TEST_MEMORY="1",
                   COPSE_POISON="1")
        done = subprocess.run([sys.executable, os.path.abspath(__file__)], env=env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(" passed, 0 failed", done.stdout)


if __name__ == "__main__":
    main()
