"""Following a store: changes, watches (as an iterator and for asyncio), batches and outcomes."""
import asyncio
import enum
from typing import Any, NamedTuple

from . import _copse
from .errors import Timeout


class Kind(enum.IntEnum):
    ADDED = 1
    REMOVED = 2
    CHANGED = 3


class _Change(NamedTuple):
    kind: Kind
    key: Any
    before: Any
    after: Any


class Change(_Change):
    """A changed key: kind (Kind.ADDED, REMOVED, CHANGED), key, before and after (None: not there)."""

    __slots__ = ()

    def __new__(cls, kind, key, before, after):
        return super().__new__(cls, Kind(kind), key, before, after)


class Event:
    """What a watch reports: a state of the store in which watched keys differ from the last one.

    version: of that state; since: of the one before; commits: how many were merged. Iterating
    gives each Change once, until the watch goes on to the next event.
    """

    __slots__ = ("version", "since", "commits", "_watch")

    def __init__(self, watch, version, since, commits):
        self.version, self.since, self.commits = version, since, commits
        self._watch = watch

    def __iter__(self):
        return self

    def __next__(self):
        if self._watch.event is not self:
            raise RuntimeError("the watch has gone on to a later event")
        change = self._watch._change()
        if change is None:
            raise StopIteration
        return Change(*change)

    def keys(self):
        """The keys that changed and were not looked at yet, in order."""
        return [change.key for change in self]

    def __repr__(self):
        return f"<copse.Event version={self.version} since={self.since} commits={self.commits}>"


class Watch(_copse.Watch):
    """Changes of the keys of a range, as they are committed; made by map.watch().

    for event in watch: waits, interruptible by Ctrl-C. async for event in watch: waits in the
    running loop, by a descriptor. cancel() ends both, from any thread. One thread at a time. It
    keeps what the last event reported from reuse. After a fork it belongs to the parent.
    """

    event = None

    def next(self, timeout=None):
        """Waits for the next Event, at most timeout seconds: Timeout, Cancelled."""
        self.event = None
        self.event = Event(self, *self._next(timeout))
        return self.event

    def __iter__(self):
        return self

    def __next__(self):
        return self.next()

    def __aiter__(self):
        return self

    async def __anext__(self):
        loop = asyncio.get_running_loop()
        descriptor = self.fileno()
        while True:
            try:
                return self.next(timeout=0)
            except Timeout:
                pass
            ready = loop.create_future()
            loop.add_reader(descriptor, lambda: ready.done() or ready.set_result(None))
            try:
                await ready
            finally:
                loop.remove_reader(descriptor)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cancel()


class Outcome(NamedTuple):
    """failed: always 0 for a batch that was applied; first: the key of its first append."""

    failed: int
    first: int


class Batch(_copse.Batch):
    """Changes made without reading, applied whole or not at all; made by store.batch().

    It is not kept waiting for other writers: whoever writes applies it, once, even if this
    process dies. As a context manager it is committed at the end of the block ("accepted"), and
    thrown away when an exception leaves it. It may be used again after each commit.
    """

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.commit()
        else:
            self.clear()
