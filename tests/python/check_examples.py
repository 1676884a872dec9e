"""The examples in Python, small: circuits and its recipes of today, and scrape; a worker is killed half way."""
import os
import subprocess
import sys
import unittest

import copse
from support import Test, main, needs_numpy

EXAMPLES = os.path.join(os.environ.get("COPSE_SOURCE_DIR") or os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.abspath(__file__)))), "examples")


class Example(Test):
    def run_it(self, program, *arguments):
        done = subprocess.run([sys.executable, os.path.join(EXAMPLES, program), *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout


@needs_numpy
class Circuits(Example):

    def test_workers_and_a_kill(self):
        for method, qubits in (("spawn", 1), ("fork", 3)):
            with self.subTest(method):
                path = os.path.join(self.folder, method)
                said = self.run_it("circuits/circuits.py", "--store", path, "--method", method, "--workers",
                                   "2", "--blocks", "4", "--block", "250", "--kill", "--qubits",
                                   str(qubits))
                self.assertIn("all is as it should be", said)
                self.assertIn("2,000 of 2,000 circuits", said)
                self.assertIn("was killed", said)
                self.assertFalse(os.path.exists(path))

    def test_the_recipes_of_today(self):
        said = self.run_it("circuits/today.py", "--workers", "2", "--blocks", "2", "--block", "50", "--files",
                           "50", "--folder", self.folder)
        self.assertIn("sqlite3:", said)
        self.assertIn("bytes for each row", said)


@unittest.skipUnless(copse._copse.HTML, "this build has no parser")
class Scrape(Example):
    PAGE = """<title>%(i)d</title><script>var x = "<h1>";</script><h1>Page %(i)d</h1>
<ul><li><a href=p%(next)d.html>next</a><li><p><a href="p0.html#top">first</a></ul><h2>More</h2>
<table><tr><td>a<tr><td><script src=x.js></script><pre>code</table><a href="http://oak.example/p.html">oak</a>
<h3>End</h3>"""

    def test_workers_and_a_kill(self):
        pages = os.path.join(self.folder, "pages")
        os.makedirs(os.path.join(pages, "below"))
        for i in range(12):
            with open(os.path.join(pages, "below" if i % 3 else "", f"p{i}.html"), "w") as file:
                file.write(self.PAGE % {"i": i, "next": (i + 1) % 12} * (i + 1))
        path = os.path.join(self.folder, "scrape")
        said = self.run_it("scrape/scrape.py", "--pages", pages, "--store", path, "--workers", "2",
                           "--rounds", "5", "--kill")
        self.assertIn("12 of 12 pages are what one thread makes of them; 0 faults\nall is as it should be", said)
        self.assertIn("5 rounds: 60 transactions", said)
        self.assertIn("killed in round 3", said)
        self.assertIn("        0  script\n", said)
        self.assertIn(f"{3 * 78:9,}  .number\n", said)
        self.assertIn(f"{2 * 78:9,}  a[href$=", said)
        self.assertFalse(os.path.exists(path))


if __name__ == "__main__":
    main()
