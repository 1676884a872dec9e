"""The Python program that README.md shows runs and prints what it says."""
import contextlib
import io
import os
import re

from support import Test, main

SOURCE = os.environ.get("COPSE_SOURCE_DIR") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Readme(Test):
    def test_the_program(self):
        with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as file:
            (program,) = re.findall(r"^```python\n(.*?)^```$", file.read(), re.M | re.S)
        self.assertIn("/dev/shm/example", program)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(program.replace("/dev/shm/example", self.path), {})
        self.assertEqual(printed.getvalue(), "b'fr' b'salut'\n")


if __name__ == "__main__":
    main()
