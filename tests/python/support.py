"""What the tests of the Python package share: stores of their own, counting, a seed."""
import faulthandler
import os
import random
import shutil
import sys
import tempfile
import unittest

import copse

faulthandler.enable()
SEED = int(os.environ.get("COPSE_TEST_SEED") or random.randrange(1 << 32))
TIER = os.environ.get("COPSE_TEST_TIER", "check")
SHM = os.environ.get("COPSE_TEST_SHM", "/dev/shm")
MAX_BYTES = 1 << 30  # a call with a random number may ask for all the memory that there is

try:
    import numpy
except ImportError:
    numpy = None
needs_numpy = unittest.skipIf(numpy is None, "numpy is not installed")


class Test(unittest.TestCase):
    """A test with a folder for its stores in shared memory, and one of them open: self.db."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="python-", dir=SHM)
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.path = os.path.join(self.folder, "store")
        self.db = copse.open(self.path, create=True, max_bytes=MAX_BYTES)
        self.addCleanup(self.db.close)

    def says(self, exception, *words):
        """assertRaises, and each of the words is in the message."""
        return _Says(self, exception, words)


class _Says:
    def __init__(self, test, exception, words):
        self.context = test.assertRaises(exception)
        self.test, self.words = test, words

    def __enter__(self):
        self.context.__enter__()
        return self.context

    def __exit__(self, *what):
        swallowed = self.context.__exit__(*what)
        if swallowed:
            for word in self.words:
                self.test.assertIn(word, str(self.context.exception))
        return swallowed


class _Result(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        self.subtests_failed = False

    def addSuccess(self, test):
        print("ok  ", test.id(), flush=True)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print("skip", test.id(), reason, flush=True)

    def _failed(self, test, error):
        print("FAIL", test.id())
        print("     " + self._exc_info_to_string(error, test).replace("\n", "\n     "), flush=True)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self._failed(test, error)

    def addError(self, test, error):
        super().addError(test, error)
        self._failed(test, error)

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            self._failed(subtest, error)


def main():
    """Runs the tests of the calling module, and prints the closing line."""
    print("seed", SEED)
    random.seed(SEED)
    loader = unittest.defaultTestLoader
    names = sys.argv[1:]
    module = sys.modules["__main__"]
    suite = loader.loadTestsFromNames(names, module) if names else \
        loader.loadTestsFromModule(module)
    result = _Result()
    suite.run(result)
    failed = len(result.failures) + len(result.errors)
    passed = result.testsRun - failed - len(result.skipped)
    skipped = f", {len(result.skipped)} skipped" if result.skipped else ""
    print(f"{max(passed, 0)} passed, {failed} failed{skipped}", flush=True)
    sys.exit(1 if failed else 0)
