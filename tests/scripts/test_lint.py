#!/usr/bin/env python3
"""The lint finds what it is there for: small trees with one fault each."""
import os
import subprocess
import sys
import tempfile

LINT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lint/lint.py")
GUARD = "#ifndef X_H\n#define X_H\n{}\n#endif\n"
DOC = {"docs/CONCURRENCY.md": "tags: root-publish\n"}


def function(lines):
    return "int f(int a) {\n" + "  a++;\n" * (lines - 2) + "}\n"


LOAD = "int f(void) {{\n{}  return atomic_load_explicit(&x, {});\n}}\n"
CASES = [  # name, files, the rule that must speak or None
    ("nothing", {}, None),
    ("a lower layer", {"src/tree/a.c": '#include "page/p.h"\n#include "tree/t.h"\n'}, None),
    ("a higher layer", {"src/page/a.c": '#include "tree/t.h"\n'}, "layers"),
    ("a layer beside", {"src/page/a.c": '#include "sync/t.h"\n'}, "layers"),
    ("the public header", {"src/base/a.c": '#include "copse/error.h"\n'}, None),
    ("a way around", {"src/base/a.c": '#include "../store/s.h"\n'}, "layers"),
    ("an unknown layer", {"src/misc/a.c": "\n"}, "layers"),
    ("an adapter", {"cli/a.c": '#include <copse/copse.h>\n#include "table.h"\n'}, None),
    ("an adapter within", {"cli/a.c": '#include "tree/tree.h"\n'}, "adapters"),
    ("an adapter around", {"bench/a.cc": '#include "../src/tree/tree.h"\n'}, "adapters"),
    ("a long file", {"src/base/a.c": "int a;\n" * 800}, None),
    ("a too long file", {"src/base/a.c": "int a;\n" * 801}, "sizes"),
    ("a long function", {"src/base/a.c": function(120)}, None),
    ("a too long function", {"src/base/a.c": function(121)}, "sizes"),
    ("a long table", {"src/base/a.c": "int a[] = {\n" + "  1,\n" * 130 + "};\n"}, None),
    ("an atomic in tree", {"src/tree/a.c": "_Atomic int a;\n"}, "atomics"),
    ("the word in a comment", {"src/tree/a.c": "/* no atomic_load here */\n"}, None),
    ("no order", {"src/sync/a.c": "int f(void) { return atomic_load(&x); }\n"}, "orders"),
    ("no tag", {"src/sync/a.c": LOAD.format("", "memory_order_acquire")}, "pairs"),
    ("a tag", {"src/sync/a.c": LOAD.format("  /* pairs: root-publish */\n",
                                           "memory_order_acquire")}, None),
    ("a tag without doc", {"src/sync/a.c": LOAD.format("  /* pairs: nowhere */\n",
                                                       "memory_order_acquire")}, "pairs"),
    ("a far tag", {"src/sync/a.c": LOAD.format("  /* pairs: root-publish */\n" + "  x++;\n" * 3,
                                               "memory_order_acquire")}, "pairs"),
    ("a tag in a long comment", {"src/sync/a.c": LOAD.format(
        "  /* pairs: root-publish\n" + "   * word\n" * 5 + "   */\n", "memory_order_acquire")}, None),
    ("relaxed", {"src/sync/a.c": LOAD.format("", "memory_order_relaxed")}, "relaxed"),
    ("relaxed, told why", {"src/sync/a.c": LOAD.format(
        "  /* relaxed: a statistic */\n", "memory_order_relaxed")}, None),
    ("an exchange", {"src/sync/a.c": "int f(void) {\n  /* pairs: root-publish */\n  return "
                     "atomic_compare_exchange_strong_explicit(&x, &y, z, memory_order_acq_rel,\n"
                     "      memory_order_relaxed);\n}\n"}, None),
    ("a guard", {"src/base/a.h": GUARD.format("")}, None),
    ("no guard", {"include/copse/a.h": "int a;\n"}, "guards"),
]


def lint(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**DOC, **files}.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        done = subprocess.run([sys.executable, LINT, root], stdout=subprocess.PIPE, text=True)
        return done.returncode, done.stdout


def main():
    failed = 0
    for name, files, rule in CASES:
        code, output = lint(files)
        errors = [line for line in output.splitlines() if ": error: " in line]
        good = (code == 0 and not errors) if rule is None else (
            code == 1 and errors and all(line.endswith(f"[{rule}]") for line in errors))
        failed += not good
        print(f"{'ok  ' if good else 'FAIL'} {name}" + ("" if good else f"\n{output}"))
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
