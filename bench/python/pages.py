"""HTML: pages parsed, and asked with selectors, beside lxml and BeautifulSoup.

Pages(count) reads pages of postgresql-doc-15; its workloads() are as those of reading.py, and empty without these
pages. Each engine makes a tree of its own kind for each page: copse a document in an anonymous store.
"""
import glob
import os
import warnings
from time import perf_counter as clock

import copse

try:
    import lxml.html
    from lxml.cssselect import CSSSelector
except ImportError:
    lxml = None
try:
    import bs4
except ImportError:
    bs4 = None

FOLDER = "/usr/share/doc/postgresql-doc-15/html"
QUESTIONS = ("a[href]", "div.sect2 > div p", "td:nth-child(2)", "code.literal", "#none", "li a[href*=sql]")


def soup(page, builder):
    warnings.simplefilter("ignore")  # it says that XHTML is better parsed as XML
    return bs4.BeautifulSoup(page, builder)


class Pages:
    def __init__(self, count):
        paths = sorted(glob.glob(os.path.join(FOLDER, "*.html")), key=os.path.getsize, reverse=True)
        self.pages = []
        for path in paths[::max(len(paths) // count, 1)]:
            with open(path, "rb") as file:
                self.pages.append(file.read())
        self.size = sum(map(len, self.pages))

    def workloads(self):
        if not self.pages or not copse._copse.HTML:
            return
        yield "py-html-parse", "parse_bytes_s", {
            "copse": lambda: self.parse(copse.html.parse),
            "lxml (libxml2)": lxml and (lambda: self.parse(lxml.html.document_fromstring)),
            "bs4 (lxml)": bs4 and lxml and (lambda: self.parse(lambda page: soup(page, "lxml"))),
            "bs4 (html.parser)": bs4 and (lambda: self.parse(lambda page: soup(page, "html.parser"))),
        }
        trees = [copse.html.parse(page) for page in self.pages]
        found = {"copse": lambda: self.ask(trees, lambda tree, css: tree.select(css))}
        if lxml:
            elements = [lxml.html.document_fromstring(page) for page in self.pages]
            known = {css: CSSSelector(css, translator="html") for css in QUESTIONS}
            found["lxml (libxml2)"] = lambda: self.ask(elements, lambda tree, css: known[css](tree))
        if bs4 and lxml:
            soups = [soup(page, "lxml") for page in self.pages]
            found["bs4 (lxml)"] = lambda: self.ask(soups, lambda tree, css: tree.select(css))
        counts = {name: self.count for name, function in found.items() if function()}
        assert len(set(counts.values())) == 1, counts
        yield "py-html-select", "select_ns", found

    def parse(self, function):
        begin = clock()
        for page in self.pages:
            function(page)
        return self.size / (clock() - begin)

    def ask(self, trees, function):
        """Nanoseconds for one question to one page, whose answer is a list."""
        self.count, begin = 0, clock()
        for tree in trees:
            for css in QUESTIONS:
                self.count += len(function(tree, css))
        return (clock() - begin) / len(trees) / len(QUESTIONS) * 1e9
