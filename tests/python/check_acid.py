"""copse.compat.acid: keys that Acid's own encoders made, both ways."""
import datetime
import random
import unittest
import uuid

import copse
from copse.compat import acid
from support import main

UTC = datetime.timezone.utc


def at(hours, *when):
    return datetime.datetime(*when, tzinfo=datetime.timezone(datetime.timedelta(hours=hours)))


VECTORS = [
    ([()], ""), ([(None,)], "0f"), ([(0,)], "1500"), ([(240,)], "15f0"), ([(241,)], "15f101"),
    ([(2287,)], "15f8ff"), ([(2288,)], "15f90000"), ([(67823,)], "15f9ffff"),
    ([(67824,)], "15fa0108f0"), ([(2**64 - 1,)], "15ffffffffffffffffff"), ([(-1,)], "14fe"),
    ([(-241,)], "140efe"), ([(-67824,)], "1405fef70f"), ([(-2**63,)], "14007fffffffffffffff"),
    ([(1 - 2**64,)], "14000000000000000000"), ([(False, True)], "1e001e01"),
    ([(b"dave\0",)], "28b298aee6a880"), ([(b"\xff",)], "28ffc0"), ([("hehe",)], "32b499ad86a8"),
    ([("\u20ac",)], "32f1a0d5c0"),
    ([(uuid.UUID("12345678-1234-5678-1234-567812345678"),)], "5a12345678123456781234567812345678"),
    ([(at(0, 1970, 1, 1),)], "5c40"), ([(at(1, 2013, 9, 7, 12, 30, 15, 250000),)], "5cfda07c17e32944"),
    ([(at(-5.5, 2013, 9, 7, 12, 30, 15, 250000),)], "5cfda07cca6a492a"),
    ([(at(0, 1969, 12, 31, 23, 59, 59, 999000),)], "5bbf"), ([(at(0, 1969, 1, 1),)], "5b02fc54276a003f"),
    ([(1,), (2,)], "1501661502"), ([(b"c",), (b"b",), (b"a",)], "28b1c06628b1806628b0c0"),
    ([(1, 2), (b"x", None)], "150115026628bc800f"),
]


class Acid(unittest.TestCase):
    def test_vectors(self):
        for tuples, digits in VECTORS:
            raw = bytes.fromhex(digits)
            self.assertEqual(acid.pack_list(tuples), raw)
            found = acid.unpack_list(raw)
            self.assertEqual(found, tuples)
            self.assertEqual([[type(e) for e in t] for t in found], [[type(e) for e in t] for t in tuples])
            self.assertEqual(acid.unpack(b"p" + raw, b"p"), tuples[0])
            self.assertEqual(acid.to_keys(raw), [copse.Key(t) for t in tuples])

    def test_zones_are_kept_here_and_not_in_keys(self):
        one, other = at(1, 2013, 9, 7, 12), at(-5.5, 2013, 9, 7, 5, 30)
        self.assertEqual(one, other)
        raw = [acid.pack((t,)) for t in (one, other)]
        self.assertNotEqual(*raw)
        self.assertEqual(acid.unpack(raw[1])[0].utcoffset(), other.utcoffset())
        self.assertEqual(acid.to_keys(raw[0]), acid.to_keys(raw[1]))

    def test_microseconds_are_cut(self):
        moment = at(0, 1969, 1, 1, 0, 0, 0, 1999)
        self.assertEqual(acid.unpack(acid.pack((moment,)))[0], at(0, 1969, 1, 1, 0, 0, 0, 1000))

    def test_random_lists(self):
        for _ in range(500):
            tuples = [tuple(random.choice([
                None, True, random.getrandbits(random.randrange(1, 64)), -random.getrandbits(63),
                random.randbytes(random.randrange(20)), "é\0" * random.randrange(5),
                uuid.UUID(bytes=random.randbytes(16))]) for _ in range(random.randrange(4)))
                for _ in range(random.randrange(1, 4))]
            self.assertEqual(acid.unpack_list(acid.pack_list(tuples, b"\7"), b"\7"), tuples)

    def test_what_is_refused(self):
        class Number(int):
            pass
        for wrong in (1.5, [1], (1, 2), Number(5), bytearray(b"x")):
            self.assertRaises(TypeError, acid.pack, (wrong,))
        self.assertRaises(TypeError, acid.pack_list, [])
        self.assertRaises(OverflowError, acid.pack, (2**64,))
        self.assertRaises(OverflowError, acid.pack, (-2**64,))
        self.assertRaises(ValueError, acid.pack, (datetime.datetime(2013, 1, 1),))
        with self.assertRaisesRegex(copse.Error, "quarters of an hour"):
            acid.pack((at(0.1, 2013, 1, 1),))
        self.assertIsNone(acid.unpack(b"ab", b"b"))
        for wrong in ("80", "15", "28b0", "1e02", "5a12", "15f100", "32ffc0"):
            self.assertRaises(copse.Error, acid.unpack, bytes.fromhex(wrong))


if __name__ == "__main__":
    main()
