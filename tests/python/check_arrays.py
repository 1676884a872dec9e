"""copse.save and copse.load: any shape and dtype."""
import os
import unittest

import copse
from support import Test, main, needs_numpy, numpy


@needs_numpy
class Arrays(Test):
    def setUp(self):
        super().setUp()
        self.file = os.path.join(self.folder, "arrays")

    def test_any_shape_and_dtype(self):
        rng = numpy.random.default_rng(1)
        arrays = [numpy.array(5), numpy.zeros(0), numpy.zeros((3, 0, 2)), rng.random((4, 5)),
                  rng.random((4, 5, 6)).T, rng.random((8, 8))[::2, 1:], numpy.eye(3, dtype="c8"),
                  numpy.array(["text", "é"]), numpy.array([b"x", b"yy"]),
                  numpy.array(["2020-01-01"], "M8[us]"), numpy.arange(6, dtype=">i4").reshape(2, 3),
                  numpy.zeros(2, [("a", "u1"), ("b", "f8", (2,))]), numpy.float16([1.5]),
                  rng.random(300000)]
        for i, array in enumerate(arrays):
            with self.subTest(i):
                copse.save(self.file, i, array)
                again = copse.load(self.file, i)
                self.assertEqual((again.dtype, again.shape), (array.dtype, array.shape))
                self.assertTrue((again == array).all())
                self.assertTrue(again.flags.writeable and again.flags.owndata or again.base is None
                                or again.base.flags.owndata)
        self.assertEqual(copse.saved(self.file), list(range(len(arrays))))

    def test_keys_and_errors(self):
        with self.assertRaises(copse.NoStore):
            copse.load(self.file, "a")
        copse.save(self.file, "a", [1, 2])
        copse.save(self.file, "a", [3])
        copse.save(self.file, ("run", 7), [4])
        self.assertEqual(copse.load(self.file, "a").tolist(), [3])
        self.assertEqual(copse.load(self.file, ("run", 7)).tolist(), [4])
        self.assertEqual(copse.saved(self.file), ["a", ("run", 7)])
        with self.says(KeyError, "b"):
            copse.load(self.file, "b")
        with self.says(TypeError, "pickle"):
            copse.save(self.file, "o", numpy.array([object()]))

    def test_a_store_that_was_replaced(self):
        copse.save(self.file, "a", [1])
        from copse._store import shared
        shared(self.file, create=True).close()
        copse.remove(self.file)
        copse.save(self.file, "b", [2])
        self.assertEqual(copse.saved(self.file), ["b"])


if __name__ == "__main__":
    main()
