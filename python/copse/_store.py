"""Store, Snapshot and Txn: the extension's classes with what is said more easily in Python."""
import contextlib
import os

from . import _copse
from ._maps import Map

_FLAGS = {"create": 1, "exclusive": 2, "read_only": 4}
_SIGBUS_GUARD, _NO_SYNC_THREAD = 8, 16
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

    As a context manager it is closed at the end of the block.
    """

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        return f"<copse.Store {self.path!r}{' closed' if self.closed else ''}>"

    def map(self, name, key=None, value=None, *, create=True, timeout=None):
        """Opens the map of this name, and creates it when there is none (unless create is False).

        key: "bytes" (the default at creation) or "u64". value: see copse.open_value; None takes
        what is there, and is byte strings at creation. An existing map is checked against what is
        given: copse.Layout says which field differs. A map handle may be used by all threads.
        Raises NoMap, Layout, ReadOnly, NoSpace, Timeout.
        """
        return Map._open(self, name, key, value, create, timeout)

    def snapshot(self, *, oustable=False, latest=False):
        """A view of the newest version that does not change, blocks nobody and takes no lock.

        oustable: writers may end it when it holds too much (copse.Ousted). latest: in a store of
        durability "sync", also what is not durable yet.
        """
        return self._snapshot((1 if oustable else 0) | (2 if latest else 0))


class _View:
    __slots__ = ()

    def __getitem__(self, container):
        """The map as this view shows it; by its handle, or by its name."""
        if isinstance(container, str):
            container = Map._open(self.store, container, None, None, False, None)
        return self._bind(container)


class Snapshot(_View, _copse.Snapshot):
    """One committed version of a store, unchanged while it is open; made by store.snapshot()."""

    __slots__ = ()


class Txn(_View, _copse.Txn):
    """A write transaction; made by store.write(). Reads show its own writes."""

    __slots__ = ()

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
         sync_bytes=0, sync_interval=None, long_hold=None, sync_thread=True, sigbus_guard=True):
    """Opens the store at path; None makes an anonymous one, for this process and its forks.

    create: create it when there is none; exclusive: fail when there is one. durability: None
    (none in memory, lazy on a disk), "none", "lazy" or "sync". max_bytes: the data never grows
    beyond (0: 1 TiB). These, mode (permission bits), slow_reader ("warn", "refuse", "oust") with
    slow_reader_bytes, and sync_bytes and sync_interval (seconds) are fixed at creation.
    Raises NoStore, StoreExists, NotAStore, Permission, NoSpace, Corrupt, OutOfMemory.
    """
    flags = sum(bit for given, bit in ((create, 1), (exclusive, 3), (read_only, 4)) if given) \
        if not (create and exclusive) else 3 | (4 if read_only else 0)
    flags |= (_SIGBUS_GUARD if sigbus_guard else 0) | (0 if sync_thread else _NO_SYNC_THREAD)
    if path is not None:
        path = os.path.abspath(os.fsdecode(path))
    store = Store(path, flags, _choice("durability", durability, _DURABILITY), max_bytes,
                  reserve_bytes, mode, _choice("slow_reader", slow_reader, _SLOW_READER),
                  slow_reader_bytes, prefault_bytes, sync_bytes,
                  int(sync_interval * 1000) if sync_interval else 0,
                  int(long_hold * 1e9) if long_hold else 0)
    store.path = path
    return store
