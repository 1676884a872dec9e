"""Map: an ordered mapping in a store; the extension's class made a MutableMapping."""
import collections.abc
import os

from . import _copse, _types
from ._follow import Change, Watch

KEYS = ("bytes", "u64", "tuple")  # in the extension's order
INSERT, REPLACE, APPEND = 1, 2, 4


_POLICIES = {"pin": 0, "copy": 1, "error": 2}


def lease_policy(policy):
    try:
        return _POLICIES[policy]
    except (KeyError, TypeError):
        raise ValueError(f"policy is one of {', '.join(map(repr, _POLICIES))}, not {policy!r}") \
            from None


class _Items(collections.abc.ItemsView):
    __slots__ = ()

    def __iter__(self):
        return self._mapping.range()


class _Values(collections.abc.ValuesView):
    __slots__ = ()

    def __iter__(self):
        return self._mapping._cursor(None, None, None, False, False, False, False, True, True)


class Map(_copse.Map, collections.abc.MutableMapping):
    """A map of a store, from keys in order to values: a MutableMapping.

    store.map() gives a handle: each read sees the newest version, each write is a transaction of
    its own. snapshot[map] and txn[map] give the map as that snapshot or transaction shows it.
    get() and all iterations copy: bytes, numbers, fresh arrays. A handle may be used by all
    threads, and pickles: it is opened anew where it is unpickled. Two maps are equal when they
    are the same object: compare dict(map) for contents.
    """

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @classmethod
    def _open(cls, store, name, key, value, create, timeout):
        if key is not None and key not in KEYS:
            raise ValueError(f"key is one of {', '.join(map(repr, KEYS))}, not {key!r}")
        if not isinstance(name, str):
            raise TypeError(f"the name of a map is text, not {name!r}")
        expected = _types.spec(value) if value is not None else None
        if expected is None and key is None:
            self = cls(store, name, None, 0, None, create, timeout)
        else:
            self = cls._open_as(store, name, key, expected, create, timeout)
        _, keys, size, layout, _, _ = self._info()
        expected = expected or _types.stored(size, layout)
        self._set_codec(expected.codec, (KEYS[keys], expected))
        return self

    @classmethod
    def _open_as(cls, store, name, key, expected, create, timeout):
        """What is not said is as it is in the store, when the map is there."""
        if key is None or expected is None:
            try:
                there = cls(store, name, None, 0, None, False, timeout)
            except LookupError:
                pass
            else:
                _, keys, size, layout, _, _ = there._info()
                key = key if key is not None else KEYS[keys]
                expected = expected or _types.stored(size, layout)
        expected = expected or _types.spec(None)
        return cls(store, name, KEYS.index(key or "bytes"),
                   expected.size if not expected.layout else 0, expected.layout, create, timeout)

    @property
    def key(self):
        """What keys are: "bytes", "u64" or "tuple"."""
        return self._about[0]

    @property
    def value(self):
        """What values are, as store.map() takes it."""
        return self._about[1].value

    @property
    def dtype(self):
        """The values' numpy dtype; None when they are byte strings of any size."""
        return self._about[1].dtype()

    def __repr__(self):
        bound = f" in {self.bound_to!r}" if self.bound_to is not None else ""
        return f"<copse.Map {self.name!r} key={self.key!r} value={self.value!r}{bound}>"

    def __reduce__(self):
        if self.bound_to is not None:
            raise TypeError("a map bound to a snapshot or transaction cannot be pickled; pickle the "
                            "handle, and open a snapshot where it is unpickled")
        return _reopen, (self.store, self.name, self.key, self.value)

    def view(self, key, default=None, *, policy="pin"):
        """The value without a copy, and valid for as long as it is referred to: a Value, a
        read-only array on one, or a number; default when the key is not there.

        It keeps its page from reuse, and neither the snapshot nor the store needs to stay open.
        policy: "pin" copies what is small and, with a warning, what goes beyond the bounds
        (store.lease_bounds()); "copy" copies; "error" never copies: Lease.
        """
        value = self._view(key, lease_policy(policy))
        return default if value is None else value

    # --- walking -------------------------------------------------------------------------

    def range(self, start=None, stop=None, *, prefix=None, start_open=False, stop_closed=False,
              reverse=False):
        """Iterates over (key, value) from start up to stop (None: the ends), in key order.

        stop itself is outside unless stop_closed, start inside unless start_open. prefix: only
        keys that begin with it. An iteration of a handle has a snapshot of its own, which ends
        with it.
        """
        return self._cursor(start, stop, prefix, start_open, stop_closed, reverse, True, True,
                            True)

    def prefix(self, prefix, *, reverse=False):
        """Iterates over (key, value) of the keys that begin with prefix (with tuple keys: with
        the elements of prefix, a tuple)."""
        return self._cursor(None, None, prefix, False, False, reverse, True, True, True)

    def cursor(self, start=None, stop=None, *, prefix=None, start_open=False, stop_closed=False):
        """A Cursor over the records of a range, which stands before the first one."""
        return self._cursor(start, stop, prefix, start_open, stop_closed, False, True, True,
                            False)

    def __reversed__(self):
        return self._cursor(None, None, None, False, False, True, True, False, True)

    def keys(self):
        return collections.abc.KeysView(self)

    def items(self):
        return _Items(self)

    def values(self):
        return _Values(self)

    def first(self):
        """The first (key, value), or None in an empty map."""
        return next(self.range(), None)

    def last(self):
        """The last (key, value), or None in an empty map."""
        return next(self.range(reverse=True), None)

    def floor(self, key):
        """(key, value) of the greatest key that is not greater than key, or None."""
        return next(self.range(stop=key, stop_closed=True, reverse=True), None)

    def ceiling(self, key):
        """(key, value) of the smallest key that is not smaller than key, or None."""
        return next(self.range(start=key), None)

    # --- many at once --------------------------------------------------------------------

    def multiget(self, keys, default=None):
        """The values of many keys, as a tuple; default where a key is not there.

        Several times faster than as many get(). Keys: a sequence, or in a map of "u64" an array.
        """
        return self._multiget(self._keys(keys), default)

    def gather(self, keys, out=None):
        """The values of many keys as one array of shape (len(keys), *value's shape).

        For maps of fixed-size values. out: an array to fill instead of a new one. Raises KeyError
        when a key is not there.
        """
        import numpy
        if self._about[1].dtype() is None:
            raise TypeError("gather() is for values of one size; this map has byte strings")
        rows = self._keys(keys)
        count = len(rows[0]) if isinstance(rows, tuple) else len(rows)
        if out is None:
            out = numpy.empty(count, self.dtype)
        else:
            _types.check_rows(out, count, self.dtype)
        missing = self._gather(rows, _types.flat(out)) if count else -1
        if missing >= 0:
            raise KeyError(list(keys)[missing])
        return out

    def put_many(self, keys, values, *, append=False):
        """Stores many values under their keys, without the GIL; all of them or, on an error, none.

        keys: a sequence, or an array of integers for a map of "u64". values: a sequence, or an
        array of shape (len(keys), *value's shape) and of the map's dtype. append: the keys rise
        and are greater than all in the map, which is fastest; else raises Order.
        """
        self._put_many(self._keys(keys), self._about[1].rows(values), APPEND if append else 0)

    def _keys(self, keys):
        """Keys for the extension: (buffer, bytes of each), or a list."""
        if self.key == "u64" and hasattr(keys, "dtype"):
            import numpy
            if keys.ndim != 1 or keys.dtype.kind not in "ui":
                raise TypeError(f"keys are a one-dimensional array of integers here, not of shape "
                                f"{keys.shape} and dtype {keys.dtype}")
            if keys.dtype.kind == "i" and len(keys) and keys.min() < 0:
                raise OverflowError("keys are from 0 to 2**64 - 1; there are negative ones")
            return numpy.ascontiguousarray(keys, ">u8"), 8
        return keys if isinstance(keys, list) else list(keys)

    # --- writing -------------------------------------------------------------------------

    def put(self, key, value):
        """Stores a value under a key."""
        self._put(key, value, 0)

    def insert(self, key, value):
        """Stores a value under a key that is not there yet; else raises KeyExists."""
        self._put(key, value, INSERT)

    def replace(self, key, value):
        """Stores a value under a key that is there; else returns False and stores nothing."""
        return self._put(key, value, REPLACE)

    def append(self, key, value):
        """Stores a value under a key greater than all (fast loading); else raises Order."""
        self._put(key, value, APPEND)

    def clear(self):
        """Deletes everything, at once however much it is."""
        self.delete_range()

    def delete_range(self, start=None, stop=None, *, prefix=None, start_open=False,
                     stop_closed=False):
        """Deletes the keys of a range (as for range()); returns how many there were."""
        return self._delete_range(start, stop, prefix, start_open, stop_closed)

    def rename(self, name):
        """Renames the map in the store. Other handles go on by its identity."""
        self._alter(name)

    def drop(self):
        """Removes the map from the store; then handles raise NoMap."""
        self._alter(None)

    # --- following -----------------------------------------------------------------------

    def diff(self, before, after, start=None, stop=None, *, prefix=None, start_open=False,
             stop_closed=False):
        """What differs between two snapshots: a list of Change, in key order.

        In time proportional to the change. The snapshots may be of any age.
        """
        changes = before[self]._diff(after[self], start, stop, prefix, start_open, stop_closed)
        return [Change(*change) for change in changes]

    def watch(self, start=None, stop=None, *, prefix=None, start_open=False, stop_closed=False,
              since="now"):
        """A Watch of the keys of a range: for event in map.watch(), or async for.

        since: "now"; later changes are reported, merged when several commits came in between.
        """
        if since != "now":
            raise ValueError(f"since is 'now', not {since!r}")
        watch = self._watch(start, stop, prefix, start_open, stop_closed)
        assert isinstance(watch, Watch)
        return watch

    def wait(self, after, timeout=None):
        """Waits until the map has changed in a version greater than after; returns that."""
        return self.store._wait(self, after, timeout, False)

    @property
    def changed(self):
        """The version whose commit last changed the map."""
        return self._info()[5]


def bound_range(start, stop, arena):
    """The range of indexes that is meant."""
    stop = arena.end if stop is None else stop
    if not 0 <= start <= stop:
        raise IndexError(f"indexes are from 0 on, and rise: {start} to {stop}")
    return start, stop


def known_handle(store, name, make):
    """A handle that was unpickled before in this process, or a new one."""
    known = store.__dict__.setdefault("_reopened", {})
    place = (os.getpid(), *name)
    if place not in known:
        known[place] = make()
    return known[place]


def _reopen(store, name, key, value):
    """Where a pickled handle comes back to life."""
    return known_handle(store, ("map", name, key, repr(value)),
                        lambda: store.map(name, key, value, create=False))
