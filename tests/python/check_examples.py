"""The circuits example and its recipes of today, small: spawn and fork, a worker killed half way."""
import os
import subprocess
import sys
import unittest

from support import Test, main, needs_numpy

EXAMPLE = os.path.join(os.environ.get("COPSE_SOURCE_DIR") or os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.abspath(__file__)))), "examples/circuits")


@needs_numpy
class Circuits(Test):
    def run_it(self, program, *arguments):
        done = subprocess.run([sys.executable, os.path.join(EXAMPLE, program), *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_workers_and_a_kill(self):
        for method, qubits in (("spawn", 1), ("fork", 3)):
            with self.subTest(method):
                path = os.path.join(self.folder, method)
                said = self.run_it("circuits.py", "--store", path, "--method", method, "--workers",
                                   "2", "--blocks", "4", "--block", "250", "--kill", "--qubits",
                                   str(qubits))
                self.assertIn("all is as it should be", said)
                self.assertIn("2,000 of 2,000 circuits", said)
                self.assertIn("was killed", said)
                self.assertFalse(os.path.exists(path))

    def test_the_recipes_of_today(self):
        said = self.run_it("today.py", "--workers", "2", "--blocks", "2", "--block", "50", "--files",
                           "50", "--folder", self.folder)
        self.assertIn("sqlite3:", said)
        self.assertIn("bytes for each row", said)


if __name__ == "__main__":
    main()
