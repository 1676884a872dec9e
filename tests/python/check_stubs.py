"""The type stubs name what is there, with the same arguments, and nothing else; docstrings exist."""
import ast
import collections.abc
import inspect
import os
import unittest

import copse
from support import main



class Stubs(unittest.TestCase):
    package = copse
    stubs = os.path.join(copse.__path__[0], "__init__.pyi")

    def setUp(self):
        with open(self.stubs, encoding="utf-8") as file:
            body = ast.parse(file.read()).body
        self.functions = {n.name: n for n in body if isinstance(n, ast.FunctionDef)}
        self.classes = {n.name: n for n in body if isinstance(n, ast.ClassDef)
                        and not n.name.startswith("_")}

    def test_every_public_name(self):
        self.assertEqual(sorted(self.functions | self.classes), sorted(self.package.__all__))

    def members(self, name):
        """(name, node) of a class of the stubs, those of its bases here too."""
        with open(self.stubs, encoding="utf-8") as file:
            every = {n.name: n for n in ast.parse(file.read()).body if isinstance(n, ast.ClassDef)}
        for base in every[name].bases:
            if isinstance(base, ast.Name) and base.id in every:
                yield from self.members(base.id)
        for node in every[name].body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node.name, node

    def test_every_member(self):
        for name in self.classes:
            there = getattr(self.package, name)
            told = {member for member, _ in self.members(name)}
            public = {m for m in vars(there) if not m.startswith("_")}
            for base in there.__mro__[1:]:
                if base.__module__.startswith("copse"):
                    public |= {m for m in vars(base) if not m.startswith("_")}
            fields = {n.target.id for n in self.classes[name].body if isinstance(n, ast.AnnAssign)}
            with self.subTest(name):
                for member in told:
                    if member != "__buffer__":  # of Python 3.12
                        self.assertTrue(hasattr(there, member), member)
                missing = public - told - fields - {"errno", "event"}
                for abstract in (collections.abc.MutableMapping, collections.abc.MutableSet):
                    missing -= set(dir(abstract)) if issubclass(there, abstract) else set()
                if not issubclass(there, (BaseException, int, tuple)):
                    self.assertEqual(missing, set())

    def test_arguments(self):
        for owner, nodes in [(self.package, self.functions.items())] + \
                [(getattr(self.package, c), self.members(c)) for c in self.classes]:
            for name, node in nodes:
                function = getattr(owner, name, None)
                if name.startswith("__") or not inspect.isroutine(function):
                    continue
                given = node.args
                given = given.posonlyargs + given.args + [given.vararg] + given.kwonlyargs + [given.kwarg]
                told = [a.arg for a in given if a and a.arg not in ("self", "cls")]
                try:
                    real = [p for p in inspect.signature(function).parameters if p != "self"]
                except ValueError:
                    continue
                with self.subTest(f"{owner.__name__}.{name}"):
                    self.assertEqual(told, real)

    def test_docstrings(self):
        for name in self.package.__all__:
            there = getattr(self.package, name)
            self.assertTrue(inspect.getdoc(there), name)
            if not inspect.isclass(there) or issubclass(there, BaseException):
                continue
            for member, value in vars(there).items():
                if inspect.isroutine(value) and not member.startswith("_") and \
                        not hasattr(dict, member):
                    self.assertTrue(inspect.getdoc(value), f"{name}.{member}")


class HtmlStubs(Stubs):
    package = copse.html
    stubs = os.path.join(copse.__path__[0], "html.pyi")


if __name__ == "__main__":
    main()
