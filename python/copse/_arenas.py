"""Arena: records of one size in slots; the extension's class with arrays and bulk."""
from typing import NamedTuple

from . import _copse, _types
from ._follow import Change
from ._maps import bound_range, known_handle, lease_policy

LAYOUT_MAX = 65535  # bytes in a record whose layout can be kept
END = 1 << 48


class Handle(NamedTuple):
    """Names one record for as long as the store exists: its index, and which of the records that
    the slot has had. May be stored and sent to other processes."""

    arena: int
    index: int
    generation: int


class Reservation(_copse.Reservation):
    """Room for records that this process fills with no lock held; made by arena.reserve().

    fill() writes records to their places. array is memory of one's own for all of them, of shape (n,
    *record's shape), which is written when they are published. txn.publish() makes them part of
    the arena; what was not published at the end of the block, or at this process's death, becomes
    free again.
    """

    _array = _arena = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._array = None
        self._close()

    @property
    def array(self):
        if self._array is None:
            import numpy
            self._array = numpy.zeros(len(self), self._about[1].dtype())
        return self._array

    def fill(self, records, at=0):
        """Writes records (an array, or a sequence) from number at on; threads may do so at once."""
        self._write(record_rows(self._about[1], records), at)

    def _publish_in(self, txn, count):
        count = len(self) if count is None else count
        if self._array is not None:
            self.fill(self._array)
            self._array = None
        first = self._publish(txn._bind(self._arena), count)
        return range(first, first + count)


def record_rows(spec, records):
    """The bytes of many records, in a buffer."""
    if hasattr(records, "dtype"):
        return spec.rows(records)[0]
    records = list(records)
    if spec.codec[0] in (_types.BYTES, _types.STRUCT):
        encode = spec.codec[5] or bytes
        return b"".join(encode(record) for record in records)
    import numpy
    dtype = spec.dtype()
    base = dtype.subdtype[0] if dtype.subdtype else dtype
    if not records:
        return b""
    return spec.rows(numpy.array(records, base))[0]


class Arena(_copse.Arena):
    """Records of one size in numbered slots, that are found in constant time.

    store.arena() gives a handle: each read sees the newest version, each write is a transaction
    of its own. snapshot[arena] and txn[arena] give it as that snapshot or transaction shows it.
    A record is named by its index, or by a Handle, which never names another record: Stale after a
    removal. arena[where] is a read-only array without a copy, which stays valid for as long as it
    is referred to (numbers, and tuples of a struct, are copies); get() is a copy of one's own.
    """

    __slots__ = ()
    __iter__ = None  # chunks() and handles() say which iteration is meant

    @classmethod
    def _open(cls, store, name, record, create, timeout):
        if not isinstance(name, str):
            raise TypeError(f"the name of an arena is text, not {name!r}")
        expected = _types.spec(record) if record is not None else None
        if expected is not None and not expected.size:
            raise TypeError("records have one size: give a dtype, or a number of bytes")
        size = expected.size if expected else 0
        layout = expected.layout if expected and size <= LAYOUT_MAX else None
        self = cls(store, name, size, layout, create, timeout)
        stored_layout = self._info()[3]
        expected = expected or _types.stored(self._arena_info()[3], stored_layout)
        self._set_codec(expected.codec, ("u64", expected))
        return self

    @property
    def record(self):
        """What records are, as store.arena() takes it."""
        return self._about[1].value

    @property
    def dtype(self):
        """The records' numpy dtype."""
        return self._about[1].dtype()

    @property
    def end(self):
        """One more than the greatest index ever used."""
        return self._arena_info()[1]

    def __repr__(self):
        bound = f" in {self.bound_to!r}" if self.bound_to is not None else ""
        return f"<copse.Arena {self.name!r} record={self.record!r}{bound}>"

    def __reduce__(self):
        if self.bound_to is not None:
            raise TypeError("an arena bound to a snapshot or transaction cannot be pickled; pickle "
                            "the handle, and open a snapshot where it is unpickled")
        return _reopen, (self.store, self.name, self.record)

    # --- reading -------------------------------------------------------------------------

    def view(self, where, *, policy="pin"):
        """The record without a copy, as arena[where]; policy as for map.view()."""
        return self._view(where, lease_policy(policy))

    def chunks(self, start=0, stop=None, *, policy="pin"):
        """Iterates over (index of the first, array of records) in order: arrays that rest on the
        store's pages, and stay valid for as long as they are referred to."""
        stop = END if stop is None else stop
        arena = self if self.bound_to is not None else self.store.snapshot()[self]
        while (chunk := arena._chunk(start, stop, lease_policy(policy))) is not None:
            first, count, array = chunk
            yield first, array
            start = first + count

    def indexes(self, start=0, stop=None):
        """Iterates over the indexes of the slots that hold a record, in order."""
        for first, array in self.chunks(start, stop, policy="copy"):
            count = len(array) // self._about[1].size if isinstance(array, _copse.Value) \
                else len(array)
            yield from range(first, first + count)

    def handles(self, start=0, stop=None):
        """Iterates over the Handles of all records, in order."""
        arena = self if self.bound_to is not None else self.store.snapshot()[self]
        return map(arena.handle, arena.indexes(start, stop))

    def to_array(self, start=0, stop=None, *, out=None, missing=None, indexes=False):
        """The records of the slots from start up to stop (None: the end) as one array, copied.

        Records follow one another without gaps, in the order of their slots, also where slots in
        between are empty: indexes=True gives (indexes, records). With missing, a record, each slot
        has its place, and empty ones get that. out: an array to fill instead of a new one, with at
        least as many rows; what is returned is the part of it that was filled.
        """
        import numpy
        arena = self if self.bound_to is not None else self.store.snapshot()[self]
        start, stop = bound_range(start, stop, arena)
        places = missing is not None
        count = stop - start if places else arena._fill(None, None, start, stop, False)
        if out is None:
            out = numpy.empty(count, self.dtype)
        elif len(out) > count:
            out = out[:count]
        _types.check_rows(out, count, self.dtype)
        if places:
            out[...] = missing
        where = numpy.arange(start, start + count, dtype="u8") if indexes else None
        if count:
            arena._fill(_types.flat(out), where, start, stop, places)
        return (where, out) if indexes else out

    def as_array(self, start=0, stop=None, *, copy=None):
        """The records of the slots from start up to stop as one read-only array, without a copy
        where they lie beside one another. copy=False: ValueError where they do not; None: copies
        then."""
        arena = self if self.bound_to is not None else self.store.snapshot()[self]
        start, stop = bound_range(start, stop, arena)
        if not copy and stop > start:
            chunk = arena._chunk(start, stop, lease_policy("error" if copy is False else "pin"))
            count = arena._fill(None, None, start, stop, False)
            if chunk is not None and chunk[1] == count:
                return chunk[2]
            if copy is False and count:
                raise ValueError(f"the records from {start} to {stop} do not lie beside one another "
                                 f"(the first break is at {chunk[0] + chunk[1]}): use chunks(), or "
                                 "copy=None")
        return arena.to_array(start, stop)

    # --- writing -------------------------------------------------------------------------

    def append_many(self, records):
        """Puts records behind the end, without the GIL: an array of shape (n, *record's shape)
        and of the arena's dtype, or a sequence. Returns their indexes: a range."""
        rows = record_rows(self._about[1], records)
        count = len(rows) // self._about[1].size
        first = self._append(rows)
        return range(first, first + count)

    def reserve(self, count, timeout=None):
        """A Reservation: room for count records, to be filled with no lock held and published.

        Takes the store's write lock for a moment, so that this thread can have no transaction.
        """
        reservation = self._reserve(count, timeout)
        reservation._arena = self
        return reservation

    def update(self, where, record):
        """Replaces a record; its Handle stays valid."""
        self[where] = record

    def remove(self, where):
        """Removes a record and ends its Handle."""
        del self[where]

    def rename(self, name):
        """Renames the arena in the store."""
        self._alter(name)

    def drop(self):
        """Removes the arena from the store; then handles raise NoMap."""
        self._alter(None)

    # --- following -----------------------------------------------------------------------

    def diff(self, before, after, start=None, stop=None):
        """What differs between two snapshots: a list of Change, whose keys are indexes."""
        changes = before[self]._diff(after[self], start, stop, None, False, False)
        return [Change(*change) for change in changes]

    def watch(self, start=None, stop=None, *, since="now"):
        """A Watch of the slots of a range: for event in arena.watch(), or async for."""
        if since != "now":
            raise ValueError(f"since is 'now', not {since!r}")
        return self._watch(start, stop, None, False, False)

    def wait(self, after, timeout=None):
        """Waits until the arena has changed in a version greater than after; returns that."""
        return self.store._wait(self, after, timeout, False)

    @property
    def changed(self):
        """The version whose commit last changed the arena."""
        return self._info()[5]


def _reopen(store, name, record):
    return known_handle(store, ("arena", name, repr(record)),
                        lambda: store.arena(name, record, create=False))
