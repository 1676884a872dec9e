"""The Python programs that README.md shows run and print what they say."""
import contextlib
import io
import os
import re
import unittest

import copse
from support import Test, main

SOURCE = os.environ.get("COPSE_SOURCE_DIR") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Readme(Test):
    def run_it(self, number):
        with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as file:
            programs = re.findall(r"^```python\n(.*?)^```$", file.read(), re.M | re.S)
        self.assertEqual(len(programs), 2)
        self.assertIn("/dev/shm/example", programs[number])
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(programs[number].replace("/dev/shm/example", self.path), {})
        return printed.getvalue()

    def test_the_program(self):
        self.assertEqual(self.run_it(0), "b'fr' b'salut'\n")

    @unittest.skipUnless(copse._copse.HTML, "this build has no parser")
    def test_documents(self):
        self.assertEqual(self.run_it(1), """\
Trees <li><a href="https://oak.example" class="safe">oak</a></li>
['oak', 'fir']
""")


if __name__ == "__main__":
    main()
