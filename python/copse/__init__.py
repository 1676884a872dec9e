"""Copse: ordered transactional data in shared memory or a file, for many processes at once.

    import copse

    with copse.open("/dev/shm/example", create=True) as db:
        words = db.map("words")
        words[b"en"] = b"hello"             # a transaction of its own
        with db.write() as t:               # several changes, all of them or none
            t[words][b"de"] = b"hallo"
            t[words][b"fr"] = b"salut"
        with db.snapshot() as s:            # one version, unchanged while it is open
            for key, value in s[words].prefix(b"f"):
                print(key, value)

copse.save(path, key, array) and copse.load(path, key) keep arrays in one line each.
"""
from . import _copse, errors, html, joins, keys
from ._arenas import Arena, Handle, Reservation
from ._arrays import load, save, saved
from ._copse import Cursor, Ticket, Value, pack, remove, unpack
from ._follow import Batch, Change, Event, Kind, Outcome, Watch
from ._maps import Map
from ._store import Snapshot, Store, Txn, open
from .joins import hash_join, merge_join
from .keys import Key, KeyList
from .errors import *  # noqa: F401,F403
from .errors import Closed, Error

_copse._register(Error, Closed, errors.BY_CODE, Snapshot, Txn, Map,
                 Arena, Handle, Batch, Outcome, Watch, Reservation)

__version__ = _copse.version()
__all__ = [
    "Arena", "Batch", "Change", "Cursor", "Event", "Handle", "Kind", "Map", "Outcome",
    "Reservation", "Snapshot", "Store", "Ticket",
    "Txn", "Value", "Watch", "load", "open", "pack", "remove", "save", "saved", "unpack", *errors.__all__,
]
__all__ += [*joins.__all__, *keys.__all__]
