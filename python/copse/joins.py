"""Joins: pairs of records of two maps (or lists) that agree in their keys, or in a column."""
from ._copse import _join
from ._maps import Map

__all__ = ["hash_join", "merge_join"]


def _column(side, on):
    """Where in a value the column lies: (from, to), or None for the key."""
    if on is None:
        return None
    if isinstance(on, slice):
        start, stop = on.start or 0, on.stop
        if on.step not in (None, 1) or stop is None or not 0 <= start <= stop:
            raise ValueError(f"a column is a slice of the value's bytes with both ends, not {on}")
        return start, stop
    dtype = side.dtype if isinstance(side, Map) else None
    if on == "value" and dtype is not None:
        return 0, dtype.itemsize
    fields = dtype.fields if dtype is not None else None
    if not fields or on not in fields:
        raise ValueError(f"{side!r} has no field {on!r}")
    kind, offset = fields[on][:2]
    return offset, offset + kind.itemsize


def merge_join(left, right):
    """Iterates over (key, left value, right value) of the keys that both sides have, in order.

    A side is a map, of a snapshot, a transaction or a handle, or a list of (bytes, value) by
    rising bytes. Keys are compared as they are stored. Two handles of one store are read from
    one snapshot, which is the join's own.
    """
    return _join(left, right, None, None, True)


def hash_join(left, right, left_on=None, right_on=None):
    """Iterates over (left key, left value, right key, right value) of the records that agree.

    They agree when the keys do, as they are stored, or what left_on and right_on name: a field of
    records, "value" (a fixed-size value as a whole), or a slice of the value's bytes; values that
    are too short for it agree with none. A column of 8 bytes and keys that are numbers agree when
    the numbers do.
    The right side goes into a table in memory, so it is better the smaller one; pairs come in the
    order of the left one. Sides are as in merge_join(), in any order, and with repetitions; a map of
    a transaction cannot be joined so.
    """
    return _join(left, right, _column(left, left_on), _column(right, right_on), False)
