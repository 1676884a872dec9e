"""Map: an ordered mapping in a store; the extension's class made a MutableMapping."""
import collections.abc

from . import _copse, _types

_KEY_KINDS = {"bytes": 0, "u64": 1}


class _Items(collections.abc.ItemsView):
    __slots__ = ()

    def __iter__(self):
        return self._mapping.range()


class _Values(collections.abc.ValuesView):
    __slots__ = ()

    def __iter__(self):
        return self._mapping._range(None, None, None, False, False, False, False, True)


class Map(_copse.Map, collections.abc.MutableMapping):
    """A map of a store, from keys in order to values: a MutableMapping.

    store.map() gives a handle: each read sees the newest version, each write is a transaction of
    its own. snapshot[map] and txn[map] give the map as that snapshot or transaction shows it.
    get() and all iterations copy: bytes, numbers, fresh arrays. Two maps are equal when they are
    the same object: compare dict(map) for contents.
    """

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @classmethod
    def _open(cls, store, name, key, value, create, timeout):
        if key is not None and key not in _KEY_KINDS:
            raise ValueError(f"key is one of {', '.join(map(repr, _KEY_KINDS))}, not {key!r}")
        if not isinstance(name, str):
            raise TypeError(f"the name of a map is text, not {name!r}")
        expected = _types.spec(value) if value is not None else None
        if expected is None and key is None:
            self = cls(store, name, None, 0, None, create, timeout)
        else:
            self = cls._open_as(store, name, key, expected, create, timeout)
        _, key_kind, size, layout, _, _ = self._info()
        self._describe("u64" if key_kind else "bytes", expected or _types.stored(size, layout))
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
                _, key_kind, size, layout, _, _ = there._info()
                key = key if key is not None else ("u64" if key_kind else "bytes")
                expected = expected or _types.stored(size, layout)
        expected = expected or _types.spec(None)
        return cls(store, name, _KEY_KINDS[key or "bytes"], expected.size if not expected.layout
                   else 0, expected.layout, create, timeout)

    def _describe(self, key, spec):
        self._set_codec(spec.codec, (key, spec))

    @property
    def key(self):
        """What keys are: "bytes" or "u64"."""
        return self._about[0]

    @property
    def value(self):
        """What values are, as store.map() takes it."""
        return self._about[1].value

    def __repr__(self):
        return f"<copse.Map {self.name!r} key={self.key!r} value={self.value!r}>"

    # --- walking -------------------------------------------------------------------------

    def range(self, start=None, stop=None, *, prefix=None, start_open=False, stop_closed=False,
              reverse=False):
        """Iterates over (key, value) from start up to stop (None: the ends), in key order.

        stop itself is outside unless stop_closed, start inside unless start_open. prefix: only
        keys that begin with it. An iteration of a handle has a snapshot of its own, which ends
        with it.
        """
        return self._range(start, stop, prefix, start_open, stop_closed, reverse, True, True)

    def prefix(self, prefix, *, reverse=False):
        """Iterates over (key, value) of the keys that begin with prefix."""
        return self._range(None, None, prefix, False, False, reverse, True, True)

    def __reversed__(self):
        return self._range(None, None, None, False, False, True, True, False)

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

    # --- writing -------------------------------------------------------------------------

    def put(self, key, value):
        """Stores a value under a key."""
        self._put(key, value, 0)

    def insert(self, key, value):
        """Stores a value under a key that is not there yet; else raises KeyExists."""
        self._put(key, value, 1)

    def replace(self, key, value):
        """Stores a value under a key that is there; else returns False and stores nothing."""
        return self._put(key, value, 2)

    def append(self, key, value):
        """Stores a value under a key greater than all (fast loading); else raises Order."""
        self._put(key, value, 4)
