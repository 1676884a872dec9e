"""Store, Snapshot and Txn: the extension's classes with what is said more easily in Python."""
import contextlib
import os
import threading
import types

from . import _copse
from ._arenas import Arena
from ._follow import Batch
from ._maps import Map
from .errors import Layout
from .html import Document, documents

_SIGBUS_GUARD, _NO_SYNC_THREAD, _NO_READ_AHEAD = 8, 16, 64
_DURABILITY = {None: 0, "none": 1, "lazy": 2, "sync": 3}
_SLOW_READER = {"warn": 0, "refuse": 1, "oust": 2}


def _choice(what, value, choices):
    try:
        return choices[value]
    except (KeyError, TypeError):
        raise ValueError(f"{what} is one of {', '.join(map(repr, choices))}, not {value!r}") \
            from None


class Store(_copse.Store):
    """A store that this process has open; made by copse.open(). Any thread may use it.

    As a context manager it is closed at the end of the block. It pickles as its path: where it is
    unpickled, the store is opened once for the process. After a fork the child goes on with it.
    """

    path = None
    _options = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        return f"<copse.Store {self.path!r}{' closed' if self.closed else ''}>"

    def __reduce__(self):
        if self.path is None:
            raise TypeError("an anonymous store cannot be pickled; give it a path, or fork")
        return _reopen, (self.path, self._identity, self._options)

    def map(self, name, key=None, value=None, *, create=True, timeout=None):
        """Opens the map of this name, and creates it when there is none (unless create is False).

        key: "bytes" (at creation the default), "u64" or "tuple" (of None, bool, int, float,
        bytes, str, UUID, datetime, tuple; ordered element by element). value: None takes what is
        there, and is byte strings at creation; an int: byte strings of that size; "u8" ... "f64",
        "c32", "c64": one number; a numpy dtype: numbers, arrays, records; a struct.Struct: tuples.

        An existing map is checked against what is given: Layout says which field differs. A
        handle may be used by all threads. Raises NoMap, Layout, ReadOnly, NoSpace, Timeout.
        """
        return Map._open(self, name, key, value, create, timeout)

    def arena(self, name, record=None, *, create=True, timeout=None):
        """Opens the arena of this name, and creates it when there is none (unless create is False).

        record: what its records are, of one size from 1 byte to 64 KiB: as value in map(). None
        takes what is there. Typed records of 65,536 bytes are kept as bytes.
        Raises NoMap, Layout, ReadOnly, NoSpace, Timeout.
        """
        return Arena._open(self, name, record, create, timeout)

    def document(self, name, *, create=True, timeout=None):
        """Opens the HTML document of this name, and creates an empty one when there is none
        (unless create is False): a copse.html.Document.

        It takes three names among the maps: its own, and that with ".text" and ".names" behind it.
        Raises NoMap, Layout, ReadOnly, NoSpace, Timeout.
        """
        return Document._open(self, name, create, timeout)

    def documents(self):
        """The names of all documents, in order."""
        return documents(self)

    def leases(self):
        """What leased values of this process keep: leases, bytes, age_ns (of the oldest), copies
        (made because of the bounds)."""
        names = ("leases", "bytes", "age_ns", "copies")
        return types.SimpleNamespace(**dict(zip(names, self._leases())))

    def lease_bounds(self, max_bytes=0, max_age=0.0, small_bytes=0):
        """Bounds on what leased values keep, beyond which values are copied after a warning.

        max_bytes: 0 is 1 GiB; max_age: seconds, 0 is none; small_bytes: up to which values are
        copied in any case, 0 is 32.
        """
        self._lease_bounds(max_bytes, int(max_age * 1e9), small_bytes)

    def maps(self):
        """The names of all maps and arenas, in order."""
        with self.snapshot() as snapshot:
            return snapshot.maps()

    def snapshot(self, *, oustable=False, latest=False):
        """A view of the newest version that does not change, blocks nobody and takes no lock.

        oustable: writers may end it when it holds too much (Ousted). latest: in a store of
        durability "sync", also what is not durable yet.
        """
        return self._snapshot((1 if oustable else 0) | (2 if latest else 0))

    def batch(self):
        """An empty Batch."""
        return self._batch()

    def combine(self, timeout=None, budget=1.0):
        """Applies batches that processes have left, dead ones too; returns how many.

        budget: seconds after which the rest is left to others.
        """
        return self._combine(timeout, int(budget * 1e9))

    def wait(self, after=None, timeout=None):
        """Waits for a version greater than after (None: than now); returns the newest one."""
        return self._wait(None, self.version if after is None else after, timeout, False)

    def wait_durable(self, version=None, timeout=None):
        """Waits until a version (None: the newest one) is durable, and sees to it."""
        return self._wait(None, self.version if version is None else version, timeout, True)

    def stats(self):
        """Numbers of the whole store, as attributes: see struct copse_stat in copse/inspect.h."""
        return types.SimpleNamespace(**self._stats(), leases=self.leases())

    def readers(self):
        """The attached processes: pid, command, snapshots, version, lag, age_ns, held_bytes, ..."""
        return [types.SimpleNamespace(**reader) for reader in self._readers()]

    def check(self, *, progress=None, timeout=None):
        """Checks every page, key, count and free list; returns numbers and faults (sentences).

        progress: called now and then with the bytes done and an estimate of all.
        """
        numbers, faults = self._check(timeout, progress)
        return types.SimpleNamespace(**numbers, faults=faults)


def _open_any(store, name):
    try:
        return Map._open(store, name, None, None, False, None)
    except Layout:
        pass
    try:
        return Document._open(store, name, False, None)
    except Layout:
        return Arena._open(store, name, None, False, None)


class _View:
    __slots__ = ()

    def __getitem__(self, container):
        """The map, arena, document or node as this view shows it; by its handle, or, but for
        nodes, by its name."""
        if isinstance(container, str):
            container = _open_any(self.store, container)
        return self._bind(container)


class Snapshot(_View, _copse.Snapshot):
    """One committed version of a store, unchanged while it is open; made by store.snapshot().

    One thread at a time reads in it; others wait. After a fork the child has it too.
    """

    __slots__ = ()

    def __repr__(self):
        return f"<copse.Snapshot {'closed' if self.closed else self.version}>"

    def __reduce__(self):
        raise TypeError("a snapshot cannot be pickled; pickle the store and open one there")


class Txn(_View, _copse.Txn):
    """A write transaction; made by store.write(). Reads show its own writes.

    After a fork it belongs to the parent.
    """

    __slots__ = ()

    def publish(self, reservation, count=None):
        """Puts the first count records of a Reservation (None: all) behind the arena's end.

        Returns their indexes. They become visible with the commit.
        """
        return reservation._publish_in(self, count)

    def __repr__(self):
        return f"<copse.Txn{' ended' if self.closed else ''}>"

    def __reduce__(self):
        raise TypeError("a transaction cannot be pickled: it belongs to its process")

    @contextlib.contextmanager
    def savepoint(self):
        """A block whose changes are undone when an exception leaves it; they nest (64 at most)."""
        self._savepoint(0)
        try:
            yield self
        except BaseException:
            if not self.closed:
                self._savepoint(1)
                self._savepoint(2)
            raise
        if not self.closed:
            self._savepoint(2)


def open(path, *, create=False, exclusive=False, read_only=False, durability=None, max_bytes=0,
         reserve_bytes=0, mode=0, slow_reader="warn", slow_reader_bytes=0, prefault_bytes=0,
         sync_bytes=0, sync_interval=None, long_hold=None, sync_thread=True, sigbus_guard=True,
         file_bytes=0, read_ahead=True):
    """Opens the store at path; None makes an anonymous one, for this process and its forks.

    create: create it when there is none; exclusive: create it, and fail when there is one.
    durability: None (none in memory, lazy on a disk), "none", "lazy" or "sync". max_bytes: the
    data never grows beyond (0: 1 TiB). file_bytes: data in each file, what is more lies in further
    ones (0: all is in one). These, mode (permission bits), slow_reader ("warn",
    "refuse", "oust") with slow_reader_bytes, sync_bytes and sync_interval (seconds) are fixed at
    creation. read_ahead=False: for random reads of a store larger than memory. Raises NoStore, StoreExists, NotAStore, Permission, NoSpace, Corrupt, OutOfMemory.
    """
    flags = (1 if create or exclusive else 0) | (2 if exclusive else 0) | (4 if read_only else 0)
    flags |= 0 if read_ahead else _NO_READ_AHEAD
    flags |= (_SIGBUS_GUARD if sigbus_guard else 0) | (0 if sync_thread else _NO_SYNC_THREAD)
    if path is not None:
        path = os.path.abspath(os.fsdecode(path))
    store = Store(path, flags, _choice("durability", durability, _DURABILITY), max_bytes,
                  reserve_bytes, mode, _choice("slow_reader", slow_reader, _SLOW_READER),
                  slow_reader_bytes, prefault_bytes, sync_bytes,
                  int(sync_interval * 1000) if sync_interval else 0,
                  int(long_hold * 1e9) if long_hold else 0, file_bytes)
    store.path = path
    store._identity = _identity(path)
    store._options = {name: value for name, value, usual in (
        ("read_only", read_only, False), ("reserve_bytes", reserve_bytes, 0),
        ("read_ahead", read_ahead, True), ("sync_thread", sync_thread, True),
        ("sigbus_guard", sigbus_guard, True))
        if value != usual}
    return store


def _identity(path):
    """Which file it is: another store may be at the path later."""
    if path is None:
        return None
    status = os.stat(path)
    return status.st_dev, status.st_ino


# --- stores that were opened by unpickling ------------------------------------------------------

_lock = threading.Lock()
_opened = {}
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release,
                    after_in_child=_lock.release)


def shared(path, identity=None, **options):
    """The store at path, opened once for this process and kept open."""
    place = (path, *sorted(options.items()))
    now = _identity(path) if os.path.exists(path) else None
    _lock.acquire()
    try:
        store = _opened.get(place)
        if store is None or store.closed or store._identity != now:
            store = _opened[place] = open(path, **options)
    finally:
        _lock.release()  # not by `with`, which needs memory to end
    if identity is not None and store._identity != identity:
        from .errors import State
        raise State(0, f"another store is at {path} now than when the handle was pickled")
    return store


def _reopen(path, identity, options):
    return shared(path, tuple(identity), **options)
