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
"""
from . import _copse, errors
from ._maps import Map
from ._store import Snapshot, Store, Txn, open
from .errors import *  # noqa: F401,F403
from .errors import Closed, Error, Timeout

_copse._register(Error, Closed, errors.BY_CODE, Snapshot, Txn, Map)

__version__ = _copse.version()
remove = _copse.remove
