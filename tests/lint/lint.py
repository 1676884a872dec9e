#!/usr/bin/env python3
"""Keeps the layering, the sizes and the memory-order tags honest.

  layers    a file in src/X includes files of its own and of lower layers only
  adapters  cli/, python/, bench/ and examples/ include of the project <copse/...> only
  sizes     src/: files up to 600 lines (error over 800), functions up to 70 (over 120)
  atomics   none in src/tree, src/arena, src/dom, src/markup, src/select
  orders    atomic accesses in src/ name their memory order
  pairs     each order other than relaxed has a comment "pairs: NAME" on its lines, on one of
            the 3 lines above or in the comment that ends there; NAME is in docs/CONCURRENCY.md
  relaxed   each memory_order_relaxed has a comment "relaxed: why" likewise; the failure order
            of a compare-exchange that has a pairs tag needs none
  guards    headers have an include guard

One line per fault, "FILE:LINE: error|warning: what". Only errors count. Each rule counts as
one test in the closing line. An argument: another source tree to look at.
"""
import os
import re
import sys

LAYERS = {  # layer: what it may include beside itself
    "base": [],
    "region": ["base"],
    "page": ["base", "region"],
    "sync": ["base", "region"],
    "tree": ["base", "page"],
    "record": ["base"],
    "key": ["base"],
    "arena": ["base", "page"],
    "store": ["base", "region", "page", "sync", "tree", "record", "arena"],
    "dom": ["base", "region", "page", "sync", "tree", "record", "arena", "store"],
    "markup": ["base", "page", "store", "dom"],
    "select": ["base", "page", "arena", "store", "dom"],
}
FILE_WARN, FILE_ERROR = 600, 800
FUNCTION_WARN, FUNCTION_ERROR = 70, 120
NO_ATOMICS = ("tree", "arena", "dom", "markup", "select")
ADAPTERS = ("cli", "python", "bench", "examples")
TAG_LINES_ABOVE = 3

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
ATOMIC_WORD = re.compile(r"\b(?:atomic_\w+|__atomic_\w+|__sync_\w+|_Atomic)\b")
ATOMIC_CALL = re.compile(
    r"\b(?:atomic_(?:load|store|exchange|compare_exchange_weak|compare_exchange_strong|fetch_\w+?"
    r"|flag_test_and_set|flag_clear|thread_fence|signal_fence)(_explicit)?"
    r"|__atomic_(?:load|store|exchange|compare_exchange|add_fetch|sub_fetch|and_fetch|or_fetch"
    r"|xor_fetch|nand_fetch|fetch_\w+|test_and_set|clear|thread_fence|signal_fence)(?:_n)?"
    r"|__sync_\w+)\s*\(")
ORDER = re.compile(
    r"\b(?:memory_order_|__ATOMIC_)(relaxed|consume|acquire|release|acq_rel|seq_cst)\b", re.I)
PAIRS = re.compile(r"\bpairs:\s*([A-Za-z0-9_-]+(?:\s*,\s*[A-Za-z0-9_-]+)*)")
RELAXED = re.compile(r"\brelaxed:")


class File:
    """A source file: its lines, and the same with comments and strings blanked."""

    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            self.text = file.read()
        self.lines = self.text.split("\n")
        if self.lines and self.lines[-1] == "":
            self.lines.pop()
        self.code = blank(self.text)
        self.code_lines = self.code.split("\n")
        self.starts = [0]
        for line in self.code_lines:
            self.starts.append(self.starts[-1] + len(line) + 1)

    def line_of(self, offset):
        """0-based."""
        low, high = 0, len(self.starts) - 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.starts[middle] <= offset else (low, middle)
        return low

    def comments_near(self, first, last):
        """Text of lines first..last and of what stands above: 3 lines, or a comment's whole."""
        start = max(0, first - TAG_LINES_ABOVE)
        above = first - 1
        while above >= 0 and self.lines[above].strip() and not self.code_lines[above].strip():
            start = min(start, above)
            above -= 1
        return "\n".join(self.lines[start:last + 1])


def blank(text):
    """The text with comments and the insides of strings replaced by spaces."""
    pattern = re.compile(
        r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def space(match):
        found = match.group(0)
        if found[0] in "\"'":
            return found[0] + " " * (len(found) - 2) + found[0]
        return re.sub(r"[^\n]", " ", found)

    return pattern.sub(space, text)


def without_directives(file):
    """Code lines with preprocessor directives emptied, whole macros included."""
    lines, inside = [], False
    for line in file.code_lines:
        directive = inside or line.lstrip().startswith("#")
        inside = directive and line.rstrip().endswith("\\")
        lines.append("" if directive else line)
    return lines


class Lint:
    def __init__(self, root):
        self.root = root
        self.errors = {}
        self.rules = []
        concurrency = os.path.join(root, "docs/CONCURRENCY.md")
        self.tags = None
        if os.path.exists(concurrency):
            with open(concurrency, encoding="utf-8") as file:
                self.tags = set(re.findall(r"[A-Za-z0-9_-]+", file.read()))

    def files(self, folder, endings=(".c", ".h")):
        for parent, folders, names in os.walk(os.path.join(self.root, folder)):
            folders.sort()
            for name in sorted(names):
                if name.endswith(endings):
                    yield File(self.root, os.path.relpath(os.path.join(parent, name), self.root))

    def error(self, rule, file, line, what):
        self.errors[rule] = self.errors.get(rule, 0) + 1
        print(f"{file.path}:{line + 1}: error: {what} [{rule}]")

    @staticmethod
    def warning(rule, file, line, what):
        print(f"{file.path}:{line + 1}: warning: {what} [{rule}]")

    # --- rules ---------------------------------------------------------------------------

    def layers(self, file):
        parts = file.path.split(os.sep)
        layer = parts[1] if len(parts) > 2 else None
        if layer not in LAYERS:
            self.error("layers", file, 0, f"there is no layer src/{layer or ''}; see LAYERS")
            return
        for number, line in enumerate(file.lines):
            match = INCLUDE.match(line)
            if not match or match.group(1) == "<" and not match.group(2).startswith("copse/"):
                continue
            path = match.group(2)
            first = path.split("/")[0]
            if first == "copse" or "/" not in path:  # the public headers; the own folder
                continue
            if first == "..":
                self.error("layers", file, number, f'"{path}": include from src/ downwards')
            elif first != layer and first not in LAYERS[layer]:
                self.error("layers", file, number, f'"{path}": {layer} is not above {first}')

    def adapters(self, file):
        for number, line in enumerate(file.lines):
            match = INCLUDE.match(line)
            if not match:
                continue
            kind, path = match.groups()
            first = path.split("/")[0]
            if kind == '"' and first == "copse":
                self.error("adapters", file, number, f'"{path}": write <{path}>, like any user')
            elif first in LAYERS and "/" in path or kind == '"' and "src/" in path:
                self.error("adapters", file, number, f'"{path}": only <copse/...> is public')

    def sizes(self, file):
        size = len(file.lines)
        if size > FILE_ERROR:
            self.error("sizes", file, 0, f"{size} lines; a file has {FILE_WARN} at most")
        elif size > FILE_WARN:
            self.warning("sizes", file, 0, f"{size} lines; aim for {FILE_WARN}")
        for number, name, length in functions(file):
            if length > FUNCTION_ERROR:
                self.error("sizes", file, number,
                           f"{name}() has {length} lines; a function has {FUNCTION_WARN} at most")
            elif length > FUNCTION_WARN:
                self.warning("sizes", file, number,
                             f"{name}() has {length} lines; aim for {FUNCTION_WARN}")

    def atomics(self, file):
        if file.path.split(os.sep)[1] not in NO_ATOMICS:
            return
        for match in re.finditer(ATOMIC_WORD.pattern + r"|\bstdatomic\.h\b", file.code):
            self.error("atomics", file, file.line_of(match.start()),
                       f"{match.group(0)}: this layer has no atomics")

    def orders(self, file):
        """Rules orders, pairs and relaxed."""
        in_calls = set()
        for match in ATOMIC_CALL.finditer(file.code):
            end = closing_parenthesis(file.code, match.end() - 1)
            first, last = file.line_of(match.start()), file.line_of(end)
            found = [m for m in ORDER.finditer(file.code, match.start(), end + 1)]
            in_calls.update(m.start() for m in found)
            if not found and not is_parameter_order(file.code[match.start():end]):
                self.error("orders", file, first, f"{match.group(0)}...): which memory order?")
                continue
            exchange = "compare_exchange" in match.group(0)
            self.check_tags(file, first, last, [m.group(1).lower() for m in found], exchange)
        for match in ORDER.finditer(file.code):  # handed to a function or macro of our own
            if match.start() not in in_calls:
                line = file.line_of(match.start())
                self.check_tags(file, line, line, [match.group(1).lower()], False)

    def check_tags(self, file, first, last, orders, exchange):
        comments = file.comments_near(first, last)
        strong = any(order != "relaxed" for order in orders)
        if strong:
            match = PAIRS.search(comments)
            if not match:
                self.error("pairs", file, first, 'no comment "pairs: NAME" tells the partner')
            elif self.tags is not None:
                names = [name for found in PAIRS.finditer(comments)
                         for name in re.split(r"\s*,\s*", found.group(1))]
                for name in names:
                    if name not in self.tags:
                        self.error("pairs", file, first,
                                   f'"pairs: {name}" is not in docs/CONCURRENCY.md')
        if "relaxed" in orders and not (exchange and strong) and not RELAXED.search(comments):
            self.error("relaxed", file, first, 'no comment "relaxed: ..." says why that is enough')

    def guards(self, file):
        if file.path.endswith(".h") and not re.search(
                r"^\s*#\s*pragma\s+once\b|^\s*#\s*ifndef\s+(\w+)\s*\n\s*#\s*define\s+\1\b",
                file.code, re.M):
            self.error("guards", file, 0, "no include guard")

    # --- the run ---------------------------------------------------------------------------

    def run(self):
        for file in self.files("src"):
            for rule in (self.layers, self.sizes, self.atomics, self.orders, self.guards):
                rule(file)
        for folder in ADAPTERS:
            for file in self.files(folder, (".c", ".h", ".cc", ".hh", ".cpp", ".hpp")):
                self.adapters(file)
                self.guards(file)
        for folder in ("include", "tests/support"):
            for file in self.files(folder):
                self.guards(file)
        rules = ["layers", "adapters", "sizes", "atomics", "orders", "pairs", "relaxed", "guards"]
        failed = sum(rule in self.errors for rule in rules)
        print(f"{len(rules) - failed} passed, {failed} failed")
        return 1 if failed else 0


def closing_parenthesis(code, opening):
    depth = 0
    for offset in range(opening, len(code)):
        depth += {"(": 1, ")": -1}.get(code[offset], 0)
        if depth == 0:
            return offset
    return len(code) - 1


def is_parameter_order(call):
    """A wrapper that hands its own parameter on: the order is named where it is called."""
    return re.search(r",\s*(?:order|success|failure|memory_order)\b", call) is not None


def functions(file):
    """(line, name, lines) of each function: a block that follows a ')' outside of all blocks."""
    depth, opened, head = 0, 0, ""
    for number, line in enumerate(without_directives(file)):
        for character in line:
            if character == "{":
                if depth == 0:
                    opened, before = number, head
                depth += 1
                head = ""
            elif character == "}":
                depth = max(0, depth - 1)
                name = re.search(r"(\w+)\s*\([^{};]*\)[^{};=]*$", before) if depth == 0 else None
                if name and 'extern "' not in before:
                    yield opened, name.group(1), number - opened + 1
                head = ""
            elif depth == 0:
                head = "" if character == ";" else head + character
        if depth == 0:
            head += " "


def main():
    default = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return Lint(sys.argv[1] if len(sys.argv) > 1 else default).run()


if __name__ == "__main__":
    sys.exit(main())
