"""Key and KeyList: the vectors of ctuple/1, the sequence, comparing, what is refused."""
import copy
import datetime
import pickle
import random
import unittest
import uuid

import copse
from copse import Key, KeyList
from support import main

UTC = datetime.timezone.utc
UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")
VECTORS = [
    ((), ""), ((None,), "00"), ((0,), "14"), ((1,), "1501"), ((-1,), "13fe"), ((255,), "15ff"),
    ((256,), "160100"), ((-256,), "12feff"), ((2**64 - 1,), "1cffffffffffffffff"),
    ((2**64,), "1d09010000000000000000"), ((-2**64,), "0bf6feffffffffffffffff"),
    ((1 - 2**64,), "0c0000000000000000"), ((1.5,), "21bff8000000000000"),
    ((-1.5,), "214007ffffffffffff"), ((0.0,), "218000000000000000"), ((-0.0,), "217fffffffffffffff"),
    ((b"",), "0100"), ((b"dave",), "016461766500"), ((b"dave\0",), "016461766500ff00"),
    (("F\u00d4O\0bar",), "0246c3944f00ff62617200"), (((1, None, b"\0"),), "05150100ff0100ff0000"),
    ((613, 15122, 5124324, 13), "160265163b12174e30e4150d"), ((False, True), "2627"),
    ((UUID,), "30" + UUID.hex), ((datetime.datetime(1970, 1, 1, tzinfo=UTC),), "408000000000000000"),
    ((datetime.datetime(2013, 9, 7, 11, 30, 15, 250000, UTC),), "408004e5c97a9eb050"),
    ((datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),), "407fffffffffffffff"),
]


def some_element(rng, depth=0):
    choice = rng.randrange(11 if depth < 3 else 10)
    if choice == 10:
        return tuple(some_element(rng, depth + 1) for _ in range(rng.randrange(4)))
    return [lambda: None, lambda: rng.random() < 0.5, lambda: rng.randrange(-300, 300),
            lambda: rng.choice([-1, 1]) * rng.getrandbits(rng.randrange(1, 100)),
            lambda: rng.uniform(-1e9, 1e9), lambda: rng.randbytes(rng.randrange(6)),
            lambda: bytes(rng.choice(b"a\0b") for _ in range(rng.randrange(6))),
            lambda: "".join(rng.choice("a\0é€😀") for _ in range(rng.randrange(6))),
            lambda: uuid.UUID(bytes=rng.randbytes(16)),
            lambda: datetime.datetime(1970, 1, 1, tzinfo=UTC)
            + datetime.timedelta(microseconds=rng.randrange(-10**15, 10**15))][choice]()


class Keys(unittest.TestCase):
    def test_vectors(self):
        for elements, digits in VECTORS:
            key = Key(elements)
            self.assertEqual(key.to_hex(), digits)
            self.assertEqual(tuple(Key.from_hex(digits)), elements)
            self.assertEqual([type(e) for e in Key.from_hex(digits)], [type(e) for e in elements])

    def test_random_tuples(self):
        for _ in range(3000):
            elements = tuple(some_element(random) for _ in range(random.randrange(5)))
            key = Key(elements)
            self.assertEqual(eval(repr(key), {**globals(), "UUID": uuid.UUID}), key)
            self.assertEqual(tuple(key), elements)
            self.assertEqual(len(key), len(elements))
            self.assertEqual(Key.from_raw(key.to_raw()), key)
            a, b = random.randrange(-6, 6), random.randrange(-6, 6)
            self.assertEqual(tuple(key[a:b]), elements[a:b])
            self.assertEqual(tuple(key[a:b:-1]), elements[a:b:-1])
            self.assertEqual(key[:a] + key[a:], key)
            if elements:
                i = random.randrange(-len(elements), len(elements))
                self.assertEqual(key[i], elements[i])

    def test_making(self):
        key = Key(1, "a")
        self.assertIs(Key(key), key)
        self.assertEqual(Key((1, "a")), key)
        self.assertEqual(tuple(Key((1, "a"), 2)), ((1, "a"), 2))
        self.assertEqual(tuple(Key(((1, "a"),))), ((1, "a"),))
        self.assertEqual(key.mode, "private")
        with self.assertRaises(AttributeError):
            key.other = 1
        with self.assertRaises(TypeError):
            Key(a=1)

    def test_comparing(self):
        self.assertNotEqual(Key(""), ("a",))
        self.assertNotEqual(Key("abcdefg"), ("abcdefgh",))
        self.assertTrue(Key(1) == (1,) and (1,) == Key(1) and Key(1) < (2,) and (2,) > Key(1))
        self.assertFalse(Key(1) == (True,) or Key(1) == (1.0,) or Key(1) == 1 or Key(1) == [1])
        self.assertNotEqual(Key(1), (object(),))
        with self.assertRaises(TypeError):
            Key(1) < 1
        with self.assertRaises(TypeError):
            Key(1) < (object(),)
        keys = [Key(None), Key(b"a"), Key("a"), Key(((1,),)), Key(-1), Key(0), Key(2**70), Key(-1e9),
                Key(False), Key(True), Key(UUID), Key(datetime.datetime.now(UTC))]
        self.assertEqual(sorted(random.sample(keys, len(keys))), keys)

    def test_hashes(self):
        table = {Key(i, "x"): i for i in range(1000)}
        self.assertEqual([table[Key(i, "x")] for i in range(1000)], list(range(1000)))
        self.assertEqual(hash(Key(1)), hash(Key.from_hex("1501")))

    def test_adding(self):
        self.assertEqual(Key(b"left") + Key("right", 1), Key(b"left", "right", 1))
        self.assertEqual(Key() + ("x",), Key("x"))
        for wrong in (1, [1], b"x", None):
            with self.assertRaises(TypeError):
                Key(1) + wrong
        with self.assertRaises(ValueError):
            key = Key(b"x" * 1000)
            for _ in range(7):
                key = key + key

    def test_as_a_sequence(self):
        key = Key(1, "a", 1)
        self.assertEqual(repr(key), "copse.Key(1, 'a', 1)")
        self.assertTrue(1 in key and 2 not in key and key.to_raw() == bytes(key))
        for wrong in (3, -4):
            with self.assertRaises(IndexError):
                key[wrong]
        with self.assertRaises(TypeError):
            key["a"]
        first, *rest = key
        self.assertEqual((first, rest), (1, ["a", 1]))
        with memoryview(key) as view:
            self.assertTrue(view.readonly)
            self.assertEqual(bytes(view), bytes(key))

    def test_copies(self):
        key = Key(1, b"x" * 100)
        for made in (pickle.loads(pickle.dumps(key)), copy.copy(key), copy.deepcopy(key)):
            self.assertEqual(made, key)
            self.assertEqual(hash(made), hash(key))

    def test_raw(self):
        key = Key("a", 5)
        self.assertEqual(key.to_raw(b"pre"), b"pre" + key.to_raw())
        self.assertEqual(Key.from_raw(b"pre" + key.to_raw(), b"pre"), key)
        self.assertEqual(Key.from_raw(bytearray(key.to_raw()), prefix=b""), key)
        self.assertIsNone(Key.from_raw(key.to_raw(), b"other"))
        self.assertIsNone(Key.from_raw(b"a", b"ab"))
        for wrong, says in ((b"\x15", "byte 0: the key ends inside of an integer"),
                            (b"\x02a", "does not end"), (b"\x14\xff", "byte 1: ff is not the code")):
            with self.assertRaisesRegex(copse.Error, says):
                Key.from_raw(wrong)
        with self.assertRaises(TypeError):
            Key.from_raw("text")
        with self.assertRaises(ValueError):
            Key.from_raw(b"\x14" * 65536)
        self.assertEqual(len(Key.from_raw(b"\x14" * 65535)), 65535)

    def test_what_is_refused(self):
        for wrong in ([1], {}, object(), 1j, datetime.date.today()):
            with self.assertRaisesRegex(TypeError, "cannot be part of a key"):
                Key(wrong)
        with self.assertRaises(ValueError):
            Key(datetime.datetime(2013, 1, 1))
        with self.assertRaises(copse.Error):
            Key(float("nan"))
        with self.assertRaises(UnicodeEncodeError):
            Key("\ud800")
        with self.assertRaises(OverflowError):
            Key(256**255)

    def test_bounds(self):
        self.assertEqual(Key("dav").prefix_bound(), b"\2daw")
        self.assertEqual(Key(1, b"\xff").prefix_bound(), b"\x15\x01\x02")
        self.assertEqual(Key(1, 2).prefix_bound(), Key(1, 2).to_raw() + b"\xff")
        self.assertEqual(Key().prefix_bound(), b"\xff")
        for _ in range(300):
            one = Key(*(some_element(random) for _ in range(2)))
            other = Key(*(some_element(random) for _ in range(3)))
            inside = one.to_raw() < (one + other).to_raw() < one.prefix_bound()
            self.assertTrue(inside, (one, other))


class KeyLists(unittest.TestCase):
    def test_lists(self):
        for keys in ([Key()], [Key(1)], [Key(1), Key(2)], [Key(), Key()], [Key("f" * 40), Key(), Key(b"f\0")]):
            raw = KeyList(keys).to_raw(b"p")
            found = KeyList.from_raw(b"p", raw)
            self.assertEqual(found, keys)
            self.assertIsInstance(found, KeyList)
            self.assertIsNone(KeyList.from_raw(b"q", raw))
        self.assertEqual(KeyList.from_raw(b"", Key("f", 0x66).to_raw()), [("f", 0x66)])
        with self.assertRaises(copse.Error):
            KeyList.from_raw(b"", b"\x15\x01\x66\x15")


if __name__ == "__main__":
    main()
