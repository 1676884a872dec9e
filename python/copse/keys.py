"""Key and KeyList: encoded tuples, which may rest on the memory of whoever lends them."""
import collections.abc

from ._copse import Key

__all__ = ["Key", "KeyList"]

collections.abc.Sequence.register(Key)


class KeyList(list):
    """Keys of which one byte string has several: their encodings, with a byte 66 between.

    No element begins with that byte, so a list of one key is that key as it is, and a list is
    ordered behind all keys that its first one begins with.
    """

    __slots__ = ()

    @classmethod
    def from_raw(cls, prefix, buf, source=None):
        """The keys in buf behind prefix, or None if it does not begin with prefix.

        source: who lends buf, an object that is a source of memsink. The keys then rest on its
        memory (mode "shared") until it goes away, and are moved ("copied", small ones
        "private"). Without one, or if buf belongs to another object, they are "private".
        """
        keys = Key._list_from_raw(prefix, buf, source)
        return None if keys is None else cls(keys)

    def to_raw(self, prefix=b""):
        """The keys as bytes, behind a prefix."""
        return bytes(prefix) + b"\x66".join(Key(key).to_raw() for key in self)
