"""Keys of Acid, an older store: read and written as lists of tuples, and made into keys of Copse.

    for raw, value in old_records:
        new[acid.to_keys(raw, prefix=b"\\x01")[0]] = value

Elements are None, bool, int (up to 64 bits and a sign), bytes, str, UUID, and datetime with a
time zone, of which milliseconds and quarters of an hour are kept. In keys of Copse instants have
no zone: two keys of Acid that are the same instant in two zones become equal.
"""
import datetime

from .._copse import _acid_pack, _acid_unpack
from ..keys import Key, KeyList

__all__ = ["pack", "pack_list", "to_keys", "unpack", "unpack_list"]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_MICROSECOND = datetime.timedelta(microseconds=1)
_SECOND = datetime.timedelta(seconds=1)


def _from_python(element):
    if not isinstance(element, datetime.datetime):
        if type(element) is tuple:
            raise TypeError("a tuple cannot be part of a key of Acid")
        return element
    offset = element.utcoffset()
    if offset is None:
        raise ValueError("a datetime in a key needs a time zone: replace(tzinfo=timezone.utc)")
    if offset % _SECOND:
        raise ValueError(f"the offset from UTC is not a number of seconds: {offset}")
    return (element - _EPOCH) // _MICROSECOND, offset // _SECOND


def _to_python(element):
    if type(element) is not tuple:
        return element
    microseconds, zone = element
    moment = _EPOCH + datetime.timedelta(microseconds=microseconds)
    return moment.astimezone(datetime.timezone(datetime.timedelta(seconds=zone)))


def _behind(raw, prefix):
    raw = bytes(memoryview(raw))  # a number would be that many zeros
    return raw[len(prefix):] if raw.startswith(prefix) else None


def pack_list(tuples, prefix=b""):
    """The bytes of a list of tuples, behind a prefix."""
    return bytes(prefix) + _acid_pack([tuple(map(_from_python, t)) for t in tuples])


def pack(elements, prefix=b""):
    """The bytes of one tuple, behind a prefix."""
    return pack_list([elements], prefix)


def unpack_list(raw, prefix=b""):
    """The tuples that raw has behind a prefix; None if it does not begin with it."""
    encoded = _behind(raw, prefix)
    if encoded is None:
        return None
    return [tuple(map(_to_python, t)) for t in _acid_unpack(encoded)]


def unpack(raw, prefix=b""):
    """The first tuple that raw has behind a prefix; None if it does not begin with it."""
    tuples = unpack_list(raw, prefix)
    return tuples[0] if tuples else None


def to_keys(raw, prefix=b""):
    """The tuples that raw has behind a prefix as keys of Copse; None if it does not begin with it."""
    tuples = unpack_list(raw, prefix)
    return None if tuples is None else KeyList(Key(t) for t in tuples)
