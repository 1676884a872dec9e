"""copse.html: documents are parsed, asked, changed and written out; by threads and processes that share one."""
import gc
import multiprocessing as mp
import os
import pickle
import random
import threading
import unittest
import unittest.mock

import copse
from copse import html
from support import Test, main

PAGE = """<!doctype html><html lang=en><head><title> Trees </title></head><body>
<h1 id=top class="big red">Of <em>trees</em></h1>
<ul class=menu><li>oak<li class=off>fir<li><a href="http://a.example/">elm</a></ul>
<!--note--><template><p>inside</p></template>
<svg viewBox="0 0 1 1"><use xlink:href="#x"></use></svg></body></html>"""


def parsed(*nodes):
    return [node.outer_html if node.kind == "element" else node.data for node in nodes]


class Page(Test):
    """Each test has PAGE in self.page, in the store self.db."""

    def setUp(self):
        super().setUp()
        self.page = self.db.document("page")
        self.page.parse(PAGE)

    def tearDown(self):
        if not self.db.closed and "page" in self.db.documents():
            self.assertEqual(self.page.check(), [])


class Reading(Page):
    def test_document(self):
        p = self.page
        self.assertEqual((p.root.kind, p.root.name, p.root.parent), ("document", None, None))
        self.assertEqual((p.html.name, p.head.tag, p.body.name, p.title), ("html", "head", "body", "Trees"))
        self.assertEqual(p.html["lang"], "en")
        self.assertEqual(p.root.first.kind, "doctype")
        self.assertEqual(p.select_one("h1").text, "Of trees")
        self.assertIn("elm", p.text())
        self.assertIn("<h1 id=\"top\" class=\"big red\">Of <em>trees</em></h1>", p.to_html())
        self.assertEqual(html.parse(p.to_html()).to_html(), p.to_html())
        self.assertEqual(self.db.documents(), ["page"])
        self.assertGreater(p.info().nodes, 20)
        self.assertEqual(self.db.snapshot()["page"].title, "Trees")
        self.assertIn("page", repr(p))

    def test_steps(self):
        menu = self.page.select_one(".menu")
        items = menu.children
        self.assertEqual([i.text for i in menu], ["oak", "fir", "elm"])
        self.assertEqual((menu.first, menu.last, items[1].previous, items[1].next, items[0].parent),
                         (items[0], items[2], items[0], items[2], menu))
        self.assertIsNone(items[0].previous)
        self.assertIsNone(items[2].next)
        self.assertIn(items[1], menu)
        self.assertEqual([n.name or n.data for n in menu.descendants()],
                         ["li", "oak", "li", "fir", "li", "a", "elm"])
        self.assertEqual([n.name for n in items[0].ancestors()], ["ul", "body", "html", None])
        self.assertEqual(len({menu, items[0].parent, *menu, *items}), 4)
        self.assertNotEqual(menu, items[0])
        self.assertNotEqual(menu, "ul")

    def test_kinds(self):
        note = next(n for n in self.page.root.descendants() if n.kind == "comment")
        self.assertEqual((note.data, note.text, note.name), ("note", "note", None))
        template = self.page.select_one("template")
        self.assertEqual(template.children, [])
        self.assertEqual((template.contents.kind, parsed(*template.contents)), ("fragment", ["<p>inside</p>"]))
        self.assertIsNone(note.contents)
        use = self.page.select_one("use")
        self.assertEqual((use.namespace, dict(use.attrs)), ("svg", {"xlink:href": "#x"}))
        self.assertEqual(use["xlink:href"], "#x")
        use["xlink:href"] = "#y"
        self.assertEqual(use.outer_html, '<use xlink:href="#y"></use>')

    def test_selecting(self):
        p = self.page
        self.assertEqual([n.text for n in p.select("li:not(.off)")], ["oak", "elm"])
        self.assertIsNone(p.select_one("table"))
        link = p.select_one("a[href^=http]")
        self.assertTrue(link.matches("li > a"))
        self.assertFalse(link.matches("ul > a"))
        self.assertEqual(link.closest("ul"), p.select_one("ul"))
        self.assertIsNone(link.closest("h1"))
        self.assertEqual(p.body.select_one(":scope > h1")["id"], "top")
        self.assertEqual(link.select("*"), [])

    def test_bad_selectors(self):
        for call in (self.page.select, self.page.select_one, self.page.body.matches, self.page.body.closest):
            with self.says(copse.BadSelector, "byte 3"):
                call("p >")
        with self.assertRaises(ValueError):
            self.page.select("")
        with self.assertRaises(TypeError):
            self.page.select(b"p")

    def test_encodings(self):
        for data, encoding in (("\u00e9".encode("latin-1"), "latin1"), ("\u00e9".encode(), "utf-8"),
                               ("<meta charset=koi8-r>\u0439".encode("koi8-r"), None),
                               (bytearray("\ufeff\u00e9", "utf-16le"), None), ("\u00e9", None)):
            self.page.parse(data, encoding=encoding)
            self.assertIn(self.page.text()[-1], "\u00e9\u0439")
        with self.assertRaises(copse.Argument):
            self.page.parse(b"x", encoding="no such")
        with self.assertRaises(TypeError):
            self.page.parse(5)
        self.page.parse("<noscript><p>x", scripting=True)
        self.assertIsNone(self.page.select_one("p"))
        self.page.parse("\ud800\0<p>\0")
        self.assertEqual(self.page.select("p")[0].kind, "element")


class Changing(Page):
    def test_attributes(self):
        h1 = self.page.select_one("h1")
        self.assertEqual(list(h1.attrs), ["id", "class"])
        h1["title"], h1.attrs["lang"] = "t", "\u00e9\0\U0001f333"
        del h1["id"]
        self.assertEqual(dict(h1.attrs), {"class": "big red", "title": "t", "lang": "\u00e9\0\U0001f333"})
        self.assertEqual((h1.get("id"), h1.get("id", 5), len(h1.attrs)), (None, 5, 3))
        self.assertIn("title", h1.attrs)
        for wrong in (lambda: h1["id"], lambda: h1.attrs["id"], lambda: h1.__delitem__("id")):
            with self.assertRaises(KeyError):
                wrong()
        with self.assertRaises(TypeError):
            h1["id"] = 5
        with self.assertRaises(UnicodeEncodeError):
            h1["id"] = "\ud800"
        with self.assertRaises(ValueError):
            h1["a\0b"] = ""
        h1.attrs.clear()
        self.assertEqual(h1.outer_html, "<h1>Of <em>trees</em></h1>")

    def test_classes(self):
        h1 = self.page.select_one("h1")
        h1.classes.add("new")
        h1.classes.add("new")
        h1.classes.discard("big")
        h1.classes.discard("none")
        self.assertEqual((list(h1.classes), h1["class"]), (["red", "new"], "red new"))
        self.assertIn("red", h1.classes)
        self.assertNotIn("big", h1.classes)
        self.assertEqual(h1.classes & {"red", "x"}, {"red"})
        with self.assertRaises(KeyError):
            h1.classes.remove("big")
        with self.assertRaises(copse.Argument):
            h1.classes.add("two words")

    def test_placing(self):
        menu, new = self.page.select_one("ul"), self.page.new_tag("li", {"data-x": "1"}, class_="c")
        menu.append(new, "tail")
        menu.prepend("a", self.page.new_text("b"), self.page.new_comment("c"))
        menu.first.next.insert_before("before")
        new.insert_after("1", "2")
        self.assertEqual(parsed(*menu), [
            "a", "before", "b", "c", "<li>oak</li>", '<li class="off">fir</li>',
            '<li><a href="http://a.example/">elm</a></li>', '<li data-x="1" class="c"></li>', "1", "2", "tail"])
        menu.normalize()
        self.assertEqual(menu.last.data, "12tail")
        self.assertEqual(new.replace_with("in ", "stead"), new)
        self.assertIsNone(new.parent)
        self.assertEqual(new["data-x"], "1")
        self.page.select_one("em").unwrap()
        self.assertEqual(self.page.select_one("h1").inner_html, "Of trees")

    def test_all_or_nothing(self):
        menu, before = self.page.select_one("ul"), self.page.to_html()
        for call in (menu.append, menu.first.replace_with):
            with self.assertRaises(copse.Hierarchy):
                call("text", self.page.body)
        with self.db.write() as t:
            with self.assertRaises(copse.Hierarchy):
                t[menu].append("text", t[menu].parent)
        with self.assertRaises(copse.Hierarchy):
            self.page.root.insert_before("x")
        with self.assertRaises(TypeError):
            menu.append(5)
        with self.assertRaises(UnicodeEncodeError):
            menu.append("x", "\ud800")
        with self.assertRaises(TypeError):
            menu.append(html.parse("<p>").body)
        self.assertEqual(self.page.to_html(), before)

    def test_text_and_html(self):
        h1 = self.page.select_one("h1")
        em = h1.select_one("em")
        h1.text = "a < b"
        self.assertEqual(h1.inner_html, "a &lt; b")
        with self.assertRaises(copse.Stale):
            em.text
        h1.first.text = "node"
        h1.inner_html = "<td>x<b>y"
        self.assertEqual(h1.inner_html, "x<b>y</b>")
        h1.outer_html = "<h2>z</h2><h3>"
        self.assertEqual((self.page.select_one("h2").text, self.page.select_one("h2").next.name), ("z", "h3"))
        fragment = self.page.fragment("<td>1<td>2", "tr")
        self.assertEqual((fragment.kind, len(fragment.children)), ("fragment", 2))
        self.page.select_one("h3").append(fragment)
        self.assertEqual(self.page.select_one("h3").outer_html, "<h3><td>1</td><td>2</td></h3>")
        self.assertEqual(self.page.select_one("td").clone().outer_html, "<td>1</td>")
        self.assertEqual(self.page.select_one("td").clone(deep=False).outer_html, "<td></td>")
        self.page.body.clear()
        self.assertEqual(self.page.body.children, [])

    def test_new(self):
        path = self.page.new_tag("path", namespace="svg", d="M0")
        self.assertEqual((path.namespace, path.outer_html, path.parent), ("svg", '<path d="M0"></path>', None))
        for wrong in (lambda: self.page.new_tag("p", namespace="none"), lambda: self.page.new_tag("a\0b"),
                      lambda: self.page.new_tag("")):
            with self.assertRaises(ValueError):
                wrong()
        with self.assertRaises(TypeError):
            self.page.new_tag("p", title=5)

    def test_stale(self):
        link = self.page.select_one("a")
        handle = link.handle
        self.assertEqual(self.page.node(handle), link)
        link.parent.remove()
        for call in (lambda: link.text, lambda: link["href"], lambda: link.children, lambda: link.parent, link.remove,
                     lambda: link.append("x"), lambda: self.page.node(handle).name, lambda: link.select("a"),
                     lambda: link.__setitem__("a", "b"), lambda: link.to_html(), link.clone, lambda: link.kind):
            with self.assertRaises(copse.Stale):
                call()
        h1 = self.page.select_one("h1")
        self.page.clear()
        with self.assertRaises(copse.Stale):
            h1.text
        self.assertIsNone(self.page.html)
        with self.assertRaises(copse.Foreign):
            self.page.node((1 << 60, 0, 1)).kind

    def test_transactions(self):
        page = self.page
        with self.db.snapshot() as before:
            old, html_before = before[page], page.to_html()
            with self.db.write() as t:
                for item in t[page].select("li"):
                    item.remove()
                self.assertEqual(t[page].select("li"), [])
                self.assertEqual(len(page.select("li")), 3)
            self.assertEqual(page.select("li"), [])
            items = old.select("li")
            self.assertEqual((len(items), old.to_html()), (3, html_before))
            self.assertEqual(before[items[0]].text, "oak")
            with self.assertRaises(copse.Stale):
                page.node(items[0].handle).text
            with self.assertRaises(TypeError):
                items[0].remove()
        with self.assertRaises(copse.Closed):
            items[0].text
        with self.assertRaises(RuntimeError):
            with self.db.write() as t:
                t[page].parse("<p>new")
                self.assertEqual(t[page].text(), "new")
                raise RuntimeError
        self.assertEqual(page.title, "Trees")

    def test_closed_read_only_dropped(self):
        link = self.page.select_one("a")
        with copse.open(self.path, read_only=True) as db:
            page = db.document("page")
            self.assertEqual(page.select_one("a").text, "elm")
            for call in (page.clear, lambda: page.parse("x"), page.select_one("a").remove,
                         lambda: page.new_tag("p")):
                with self.assertRaises(copse.ReadOnly):
                    call()
        self.db.map("map")
        self.db.arena("arena", record=8)
        for name in ("map", "arena"):
            with self.assertRaises(copse.Layout):
                self.db.document(name)
        with self.assertRaises(copse.NoMap):
            self.db.document("none", create=False)
        with self.assertRaises(TypeError):
            self.db.batch().append(self.page, b"x" * 40)
        other = self.db.document("other")
        other.drop()
        with self.assertRaises(copse.NoMap):
            other.html
        self.assertEqual(self.db.documents(), ["page"])
        self.db.close()
        for call in (lambda: link.text, lambda: self.page.html, link.remove, lambda: self.page.parse("x"),
                     lambda: self.page.select("a"), lambda: link.attrs["href"]):
            with self.assertRaises(copse.Closed):
                call()


class Own(Test):
    """Documents of copse.html.parse()."""

    def test_fragments(self):
        row = html.parse("<td>1<td>2", fragment="tr")
        self.assertEqual(row.to_html(), "<tr><td>1</td><td>2</td></tr>")
        self.assertEqual(html.parse("<g>", fragment="svg svg").html.namespace, "svg")
        with self.assertRaises(copse.Argument):
            html.parse("x", fragment="")

    def test_life(self):
        node = html.parse("<p>kept").select_one("p")
        for _ in range(50):
            html.parse("<p>gone")
        html.parse("<p>dropped").drop()
        gc.collect()
        html.parse("")
        html.parse("")
        self.assertLess(len(node.document.store.maps()), 5 * 3)
        self.assertEqual(node.text, "kept")
        with self.assertRaises(TypeError):
            pickle.dumps(node)

    def test_forks(self):
        page = html.parse("<p>parent")
        context = mp.get_context("fork")
        said = context.Queue()
        child = context.Process(target=self.child, args=(page, said))
        child.start()
        self.assertEqual(said.get(), ("parent", "child"))
        child.join()
        del child
        html.parse("")
        self.assertEqual((page.text(), page.check()), ("parent", []))

    @staticmethod
    def child(page, said):
        mine = html.parse("<p>child")
        said.put((page.text(), mine.text()))
        del page, mine
        html.parse("")


def turn(page, rng):
    """Changes a document at random; returns nodes that are removed now."""
    with page.store.write() as t:
        bound, removed = t[page], []
        for item in bound.select("li"):
            if rng.random() < 0.3:
                removed.append(item.handle)
                item.remove()
        menu = bound.select_one("ul")
        for _ in range(rng.randrange(4)):
            menu.append(bound.new_tag("li", title=str(rng.random())))
        menu["count"] = str(len(menu.children))
    return removed


def change(path, seed, turns, said):
    with copse.open(path) as db:
        rng = random.Random(seed)
        for _ in range(turns):
            said.put(turn(db.document("page"), rng))


def look(argument):
    """What a worker sees."""
    page, node = argument
    return os.getpid(), page.title, node.text, len(page.select("li")), node.parent == page.select_one("ul")


class Together(Page):
    def consistent(self, bound):
        menu = bound.select_one("ul")
        return "count" not in menu.attrs or int(menu["count"]) == len(menu.select(":scope > li"))

    def test_threads_and_processes_by_turns(self):
        context = mp.get_context("spawn")
        said = context.Queue()
        processes = [context.Process(target=change, args=(self.path, seed, 15, said)) for seed in range(2)]
        removed, wrong = [], []

        def work(seed):
            rng = random.Random(seed)
            try:
                for _ in range(15):
                    removed.extend(turn(self.page, rng))
                    with self.db.snapshot() as s:
                        if not self.consistent(s[self.page]):
                            wrong.append("inconsistent")
            except BaseException as error:
                wrong.append(error)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for worker in processes + threads:
            worker.start()
        for _ in range(30):
            removed += [copse.Handle(*handle) for handle in said.get()]
        for worker in processes + threads:
            worker.join()
        self.assertEqual(wrong, [])
        self.assertEqual([p.exitcode for p in processes], [0, 0])
        self.assertGreater(len(removed), 5)
        for handle in removed:
            with self.assertRaises(copse.Stale):
                self.page.node(handle).name
        self.assertTrue(self.consistent(self.page))

    def test_a_pool_reads(self):
        link = self.page.select_one("li.off")
        self.assertEqual(pickle.loads(pickle.dumps(link)), link)
        with mp.get_context("spawn").Pool(2) as pool:
            seen = pool.map(look, [(self.page, link)] * 8)
        self.assertEqual({line[1:] for line in seen}, {("Trees", "fir", 3, True)})
        self.assertNotIn(os.getpid(), {line[0] for line in seen})
        with self.db.snapshot() as s:
            for bound in (s[self.page], s[link]):
                with self.assertRaises(TypeError):
                    pickle.dumps(bound)


class Without(Test):
    """A build without a parser."""

    def test_what_is_missing(self):
        with unittest.mock.patch.object(copse._copse, "HTML", False):
            page = self.db.document("d")
            for call in (lambda: html.parse("x"), lambda: page.parse("x"), lambda: page.fragment("x")):
                with self.says(copse.NotSupported, "librust-html5ever-dev"):
                    call()
            page.root.append(page.new_tag("html"))
            for wrong in (-2, 5, 99):
                with self.assertRaises(ValueError):
                    page.html._change(wrong)
                with self.assertRaises(ValueError):
                    page.html._place(wrong, ())
            self.assertEqual(page.select_one("html").outer_html, "<html></html>")


if not copse._copse.HTML:
    del Reading, Changing, Own, Together

if __name__ == "__main__":
    main()
