"""Exceptions: one class for each kind of error of the library, with its code and sentence."""
import errno

from . import _copse


class Error(Exception):
    """An error of the library.

    code is its number (negative), name its name ("NO_SPACE"), detail which key, file or limit it
    was about. str() is the library's sentence, which says what to do, and the detail.
    """

    errno = None

    def __init__(self, code, sentence="", detail=""):
        super().__init__(code, sentence, detail)
        self.code = code
        self.sentence = sentence
        self.detail = detail

    @property
    def name(self):
        return NAMES.get(self.code, "")

    def __str__(self):
        if not self.sentence:
            return str(self.code)
        return f"{self.sentence}: {self.detail}" if self.detail else self.sentence


class Closed(Error, ValueError):
    """The store, snapshot, transaction or iteration was closed before."""

    def __init__(self, sentence):
        super().__init__(0, sentence)


class Timeout(Error, TimeoutError):
    """The time limit passed."""


class Argument(Error, ValueError):
    """An argument is not valid."""


class OutOfMemory(Error, MemoryError):
    """The process is out of memory."""


class NoSpace(Error, OSError):
    """No space is left where the store lives, or the store has reached its max_bytes."""

    errno = errno.ENOSPC


class ReadOnly(Error, PermissionError):
    """The store was opened read-only, or is a sealed copy."""

    errno = errno.EROFS


class Permission(Error, PermissionError):
    """The files' owner and mode do not allow it."""

    errno = errno.EACCES


class NoStore(Error, FileNotFoundError):
    """There is no store at this path."""

    errno = errno.ENOENT


class StoreExists(Error, FileExistsError):
    """There is a store at this path already."""

    errno = errno.EEXIST


class NotAStore(Error, OSError):
    """The file is not a store, or one of a newer version, or lies on a file system that can hold none."""

    errno = errno.EINVAL


class InputOutput(Error, OSError):
    """The operating system reported an error, or an earlier sync failed."""

    errno = errno.EIO


class Corrupt(Error):
    """The store's content is damaged."""


class State(Error, RuntimeError):
    """The handle is not in a state that allows the call."""


class Forked(State):
    """The handle belongs to the parent process."""


class Interrupted(Error, InterruptedError):
    """A signal interrupted a wait."""

    errno = errno.EINTR


class KeySize(Error, ValueError):
    """The key's size is outside of what the map allows."""


class ValueSize(Error, ValueError):
    """The value's size is outside of what the map allows."""


class KeyExists(Error):
    """The key is there already."""


class Conflict(Error):
    """The value is not the expected one."""


class Order(Error, ValueError):
    """An appended key must be greater than every key in the map."""


class NoMap(Error, LookupError):
    """There is no container of this name in this version of the store."""


class MapExists(Error):
    """A container of this name exists already."""


class Layout(Error, TypeError):
    """The container has another kind of key, value or record than asked for."""


class Ousted(Error):
    """The snapshot held too much and was ended."""


class Stale(Error, LookupError):
    """The record that the handle names was removed."""


class NotYet(Error, LookupError):
    """The record that the handle names is younger than the snapshot."""


class Foreign(Error, LookupError):
    """The handle belongs to another arena."""


class Lease(Error):
    """Leased values hold more, or longer, than this process may."""


class KeyForm(Error, ValueError):
    """The bytes are not an encoded tuple."""


class Hierarchy(Error, ValueError):
    """A document does not allow this node in this place: below itself, beside a root, ..."""


class BadSelector(Error, ValueError):
    """The CSS selector is not valid; detail names the position, and what was expected there."""


class NotSupported(Error, NotImplementedError):
    """This build of copse has no such part; detail says what it needs."""


class Cancelled(Error):
    """The wait was cancelled from another thread."""


_CLASSES = {
    "ARGUMENT": Argument, "MEMORY": OutOfMemory, "NO_SPACE": NoSpace, "LIMIT": NoSpace,
    "ADDRESS_SPACE": OutOfMemory, "IO": InputOutput, "NOT_A_STORE": NotAStore,
    "VERSION": NotAStore, "CORRUPT": Corrupt, "TRUNCATED": Corrupt, "FILE_SYSTEM": NotAStore,
    "READ_ONLY": ReadOnly, "PERMISSION": Permission, "NO_STORE": NoStore,
    "STORE_EXISTS": StoreExists, "FORKED": Forked, "TIMEOUT": Timeout,
    "INTERRUPTED": Interrupted, "DEADLOCK": State, "STATE": State, "KEY_SIZE": KeySize,
    "VALUE_SIZE": ValueSize, "KEY_EXISTS": KeyExists, "CONFLICT": Conflict, "ORDER": Order,
    "MAP_EXISTS": MapExists, "NO_MAP": NoMap, "MAP_KIND": Layout, "LAYOUT": Layout,
    "STALE": Stale, "NOT_YET": NotYet, "FOREIGN": Foreign, "LEASE": Lease, "KEY_FORM": KeyForm,
    "OUSTED": Ousted, "SYNC_FAILED": InputOutput,
    "HIERARCHY": Hierarchy, "CYCLE": Hierarchy, "ROOT": Hierarchy, "SELECTOR": BadSelector,
    "NOT_SUPPORTED": NotSupported, "CANCELLED": Cancelled,
}
NAMES = dict(_copse.ERRORS)
BY_CODE = {code: _CLASSES.get(name, Error) for code, name in _copse.ERRORS}
__all__ = sorted({"Error", "Closed", *(c.__name__ for c in _CLASSES.values())})
