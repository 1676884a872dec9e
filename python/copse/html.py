"""HTML documents in a store: parsed, asked with CSS selectors, changed and written out by many processes.

    page = copse.html.parse("<p class=note>Good <b>morning</b>")    # in memory of the process's own
    page.select_one("p.note").text                                  # 'Good morning'

    page = db.document("index")                 # in a store
    page.parse(open("index.html", "rb").read())
    with db.write() as t:                       # all of it or nothing
        for link in t[page].select("a[href^='http:']"):
            link["href"] = "https:" + link["href"][5:]
    with db.snapshot() as s:                    # one version, unchanged while it is open
        print(s[page].title, s[page].to_html())

A document that is bound to nothing reads the newest version with each call, and changes it with each call in
a transaction of its own; what belongs together is done in db.write(), which is also many times faster.
Nodes are named by handles: a node that somebody removed raises copse.Stale for ever.
"""
import collections.abc
import contextlib
import functools
import os
import threading
import types

from . import _copse
from ._arenas import Handle
from ._maps import known_handle
from .errors import NAMES, Layout, NoMap, NotSupported

__all__ = ["Attributes", "Classes", "Document", "Node", "parse"]

_OUTER, _INNER, _PRETTY, _TEXT, _TREE = 1, 2, 3, 4, 5
_ALL, _FIRST, _MATCHES, _CLOSEST = range(4)
_ANCESTORS, _CHILDREN, _DESCENDANTS = 1, 4, 6
_APPEND, _PREPEND, _BEFORE, _AFTER, _INSTEAD = range(5)
_DETACH, _REMOVE, _UNWRAP, _CLEAR, _NORMALIZE = range(5)
_SPACES = {"html": 1, "svg": 2, "math": 3}
_ELEMENT, _TEXT_NODE, _COMMENT = 3, 4, 5

_selector = functools.lru_cache(512)(_copse.Selector)


def _parser():
    if not _copse.HTML:
        code = next(code for code, name in NAMES.items() if name == "NOT_SUPPORTED")
        raise NotSupported(code, "this build of copse has no HTML parser",
                           "install Debian's cargo, rustc, librust-html5ever-dev and "
                           "librust-encoding-rs-dev, and build copse again")


def _bytes(html):
    """(bytes, their encoding or None)."""
    if isinstance(html, str):
        return html.encode("utf-8", "surrogatepass"), "utf-8"
    return html, None


def documents(store):
    with store.snapshot() as snapshot:
        names = set(snapshot.maps())
    found = []
    for name in sorted(names):
        if f"{name}.text" in names and f"{name}.names" in names:
            try:
                Document._open(store, name, False, None)
            except (Layout, LookupError):
                continue
            found.append(name)
    return found


class _Selecting:
    __slots__ = ()

    def select(self, css):
        """The elements below that a CSS selector matches, as a list in document order.

        Raises BadSelector, whose detail names the position.
        """
        return self._select(_selector(css), _ALL)

    def select_one(self, css):
        """The first element below that a CSS selector matches, or None."""
        return self._select(_selector(css), _FIRST)

    def to_html(self, pretty=False):
        """All of it as HTML, by the rules of the HTML standard; pretty: with line ends and
        indentation where they do not change what is shown."""
        return self._markup(_PRETTY if pretty else _OUTER)


class Document(_Selecting, _copse.Document):
    """An HTML document of a store; made by store.document(), or by copse.html.parse().

    snapshot[document] and txn[document] give it as that snapshot or transaction shows it. A handle may
    be used by all threads, and pickles: it is opened anew where it is unpickled.
    """

    __slots__ = ("__weakref__",)
    __iter__ = None
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @classmethod
    def _open(cls, store, name, create, timeout):
        if not isinstance(name, str):
            raise TypeError(f"the name of a document is text, not {name!r}")
        return cls(store, name, create, timeout)

    def __repr__(self):
        bound = f" in {self.bound_to!r}" if self.bound_to is not None else ""
        return f"<copse.html.Document {self.name!r}{bound}>"

    def __reduce__(self):
        if self.bound_to is not None:
            raise TypeError("a document bound to a snapshot or transaction cannot be pickled; pickle "
                            "the handle, and open a snapshot where it is unpickled")
        return _reopen, (self.store, self.name)

    # --- what is in it -------------------------------------------------------------------

    @property
    def root(self):
        """The node of kind "document", above all others."""
        return self._element(True)

    @property
    def html(self):
        """The document's element, mostly <html>; None when it is empty."""
        return self._element(False)

    @property
    def head(self):
        """The element <head>, or None."""
        return self.select_one("html:root > head")

    @property
    def body(self):
        """The element <body>, or None."""
        return self.select_one("html:root > body")

    @property
    def title(self):
        """The text of the first <title>, without white space around it; None: there is none."""
        title = self.select_one("title")
        return title.text.strip() if title is not None else None

    def text(self):
        """The text of all text nodes."""
        return self._markup(_TEXT)

    def node(self, handle):
        """The node that a Handle names; using it raises Stale when it was removed."""
        return self._node(handle)

    def info(self):
        """Numbers, as attributes: nodes, names (interned), text_bytes (in use), heap_bytes (with
        garbage)."""
        return types.SimpleNamespace(**self._document_info())

    @property
    def changed(self):
        """The version whose commit last changed the document."""
        return self._info()[5]

    def wait(self, after, timeout=None):
        """Waits until the document has changed in a version greater than after; returns that."""
        return self.store._wait(self, after, timeout, False)

    # --- changing it ---------------------------------------------------------------------

    def parse(self, html, *, encoding=None, scripting=False):
        """Puts what HTML says in place of all that the document has: text, or bytes, whose encoding
        is found out as browsers do (encoding: the label that came with them).

        No transaction is open while it parses. scripting: <noscript> is parsed as by a browser
        that runs scripts. Handles of nodes that were there are Stale. Any input is HTML.
        """
        _parser()
        data, known = _bytes(html)
        self._parse(data, known or encoding, scripting, None)

    def fragment(self, html, context="body", *, encoding=None, scripting=False):
        """HTML parsed as what is in an element of the name context ("div", "svg path"): a node of
        kind "fragment", whose children append() and the like put where they belong."""
        _parser()
        data, known = _bytes(html)
        return self._parse(data, known or encoding, scripting, context)

    def new_tag(self, name, /, attributes=(), *, namespace="html", **more):
        """A new element without a parent. attributes: a mapping, or given by name (class_ and the
        like lose the underscore at their end)."""
        named = dict(attributes)
        named.update((key.removesuffix("_"), value) for key, value in more.items())
        if namespace not in _SPACES:
            raise ValueError(f"namespace is one of {', '.join(map(repr, _SPACES))}, not "
                             f"{namespace!r}")
        flat = tuple(text for item in named.items() for text in item)
        return self._new(_ELEMENT, name, _SPACES[namespace], flat)

    def new_text(self, text):
        """A new text node without a parent."""
        return self._new(_TEXT_NODE, text, 0, ())

    def new_comment(self, text):
        """A new comment without a parent."""
        return self._new(_COMMENT, text, 0, ())

    def clear(self):
        """Empties it; handles of its nodes are Stale."""
        self._change(0)

    def compact(self):
        """Makes the heap of its texts as small as what is in use; handles stay valid."""
        self._change(1)

    def drop(self):
        """Removes it from the store; then handles raise NoMap."""
        self._change(2)


class Node(_Selecting, _copse.Node):
    """A node of a document: an element, a text, ... Iterating is over its children.

    It is seen as its document is bound: in a snapshot, in a transaction, or with each call in the newest version;
    snapshot[node] and txn[node] are the same node there. It pickles as its document and its handle. Two are
    equal when they name the same node. Whatever is asked of one that was removed raises Stale; what only elements
    have raises Argument elsewhere.
    """

    __slots__ = ()

    def __repr__(self):
        handle = self.handle
        return f"<copse.html.Node {handle.index}/{handle.generation} of {self.document!r}>"

    def __reduce__(self):
        return _reopen_node, (self.document, tuple(self.handle))

    def __iter__(self):
        return iter(self.children)

    # --- the tree ------------------------------------------------------------------------

    @property
    def tag(self):
        """The same as name."""
        return self.name

    @property
    def children(self):
        """The nodes right below, as a list."""
        return self.document._walk(_CHILDREN, self)

    def descendants(self):
        """Iterates over all nodes below, in document order, as they were at the beginning."""
        return iter(self.document._walk(_DESCENDANTS, self))

    def ancestors(self):
        """Iterates over the nodes above, the nearest first, as they were at the beginning."""
        return iter(self.document._walk(_ANCESTORS, self))

    def matches(self, css):
        """Whether a CSS selector matches the element."""
        return self._select(_selector(css), _MATCHES)

    def closest(self, css):
        """The element itself or the nearest one above that a CSS selector matches, or None."""
        return self._select(_selector(css), _CLOSEST)

    # --- what it says --------------------------------------------------------------------

    @property
    def text(self):
        """The text of all text nodes below; of a text, comment or instruction: its own. Setting it
        replaces all that is below."""
        return self._markup(_TEXT)

    @text.setter
    def text(self, text):
        self._set_text(text)

    @property
    def inner_html(self):
        """What is below as HTML. Setting it parses, in place of what was there."""
        return self._markup(_INNER)

    @inner_html.setter
    def inner_html(self, html):
        _parser()
        self._set_html(_bytes(html)[0], False)

    @property
    def outer_html(self):
        """The node and what is below as HTML. Setting it parses, in place of the node, which is
        removed."""
        return self._markup(_OUTER)

    @outer_html.setter
    def outer_html(self, html):
        _parser()
        self._set_html(_bytes(html)[0], True)

    @property
    def attrs(self):
        """The attributes: a mapping of names to values, in their order."""
        return Attributes(self)

    @property
    def classes(self):
        """The words of the attribute class: a set."""
        return Classes(self)

    def __getitem__(self, name):
        value = self._attribute(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name, value):
        if not isinstance(value, str):
            raise TypeError(f"the value of an attribute is text, not {value!r}")
        self._set_attribute(name, value)

    def __delitem__(self, name):
        if not self._set_attribute(name, None):
            raise KeyError(name)

    def get(self, name, default=None):
        """The value of an attribute, or default."""
        value = self._attribute(name)
        return default if value is None else value

    # --- changing the tree ---------------------------------------------------------------

    def append(self, *nodes):
        """Puts nodes (or texts, for which text nodes are made) behind the last child, all of them or
        none. Nodes are taken from where they were; of a fragment its children are put there.
        Raises Hierarchy where the DOM does not allow it."""
        self._place(_APPEND, nodes)

    def prepend(self, *nodes):
        """The same before the first child."""
        self._place(_PREPEND, nodes)

    def insert_before(self, *nodes):
        """Puts nodes or texts before this one, beside it."""
        self._place(_BEFORE, nodes)

    def insert_after(self, *nodes):
        """Puts nodes or texts behind this one, beside it."""
        self._place(_AFTER, nodes)

    def replace_with(self, *nodes):
        """Puts nodes or texts in its place; returns it, without a parent now."""
        self._place(_INSTEAD, nodes)
        return self

    def detach(self):
        """Takes it out of the tree, with all that is below; it stays in the document, and is
        returned."""
        self._change(_DETACH)
        return self

    def remove(self):
        """Ends it and all that is below: their handles are Stale."""
        self._change(_REMOVE)

    decompose = remove

    def unwrap(self):
        """Removes an element; its children take its place."""
        self._change(_UNWRAP)

    def clear(self):
        """Removes all that is below."""
        self._change(_CLEAR)

    def normalize(self):
        """Merges neighbouring texts below, and removes empty ones."""
        self._change(_NORMALIZE)

    def clone(self, deep=True):
        """A copy without a parent, in the same document; deep: with all that is below."""
        return self._clone(deep)


class Attributes(collections.abc.MutableMapping):
    """The attributes of an element, in their order. Those of a namespace are named "xlink:href"."""

    __slots__ = ("_node",)

    def __init__(self, node):
        self._node = node

    def __getitem__(self, name):
        return self._node[name]

    def __setitem__(self, name, value):
        self._node[name] = value

    def __delitem__(self, name):
        del self._node[name]

    def __contains__(self, name):
        return isinstance(name, str) and self._node._attribute(name) is not None

    def __iter__(self):
        return iter(self._node._attributes()[::2])

    def __len__(self):
        return len(self._node._attributes()) // 2

    def items(self):
        flat = self._node._attributes()
        return dict(zip(flat[::2], flat[1::2])).items()

    def __repr__(self):
        return repr(dict(self.items()))


class Classes(collections.abc.MutableSet):
    """The words of an element's attribute class."""

    __slots__ = ("_node",)

    def __init__(self, node):
        self._node = node

    @classmethod
    def _from_iterable(cls, words):
        return set(words)

    def __contains__(self, word):
        return isinstance(word, str) and self._node._class(word, 0)

    def __iter__(self):
        return iter(dict.fromkeys(self._node.get("class", "").split()))

    def __len__(self):
        return len(list(iter(self)))

    def add(self, word):
        """Adds a word; the others stay."""
        self._node._class(word, 1)

    def discard(self, word):
        """Takes a word away, if it is there."""
        self._node._class(word, 2)

    def __repr__(self):
        return repr(list(self))


# --- documents of the process's own ---------------------------------------------------------------


class _Own:
    """The anonymous store of parse(), one for each process, and what is to be dropped in it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.pid = self.store = None
        self.count = 0
        self.ended = collections.deque()

    def document(self):
        from ._store import open
        with self.lock:
            if self.pid != os.getpid():  # a child's documents are not its parent's
                self.store = open(None)
                self.pid, self.count = os.getpid(), 0
                self.ended.clear()
            while self.ended:
                with contextlib.suppress(NoMap):  # the program has dropped it
                    Document._open(self.store, self.ended[0], False, None).drop()
                self.ended.popleft()
            self.count += 1
            document = _Parsed(self.store, str(self.count), True, None)
        document._pid = self.pid
        return document


class _Parsed(Document):
    """A document that ends with the last reference to it and its nodes."""

    __slots__ = ("_pid",)

    def __del__(self, getpid=os.getpid):
        try:
            if getattr(self, "_pid", None) == getpid():  # a bound one has none
                _own.ended.append(self.name)
        except MemoryError:
            pass  # it stays, then, until the process ends


_own = _Own()
os.register_at_fork(before=_own.lock.acquire, after_in_parent=_own.lock.release,
                    after_in_child=_own.lock.release)


def parse(html, *, encoding=None, scripting=False, fragment=None):
    """A Document made of HTML, text or bytes, in an anonymous store of this process's own.

    It lives as long as the Document or one of its Nodes is referred to. encoding, scripting: as for
    Document.parse(). fragment: the name of an element ("div") that HTML is parsed as the content of, which is then
    the document's only element. Any input is HTML. Raises NotSupported in a build without a parser, and
    State in a thread that has a transaction on another such document open.
    """
    _parser()
    document = _own.document()
    if fragment is None:
        document.parse(html, encoding=encoding, scripting=scripting)
        return document
    space, _, name = fragment.rpartition(" ")
    with document.store.write() as t:
        bound = t[document]
        element = bound.new_tag(name, namespace=space or "html")
        content = bound.fragment(html, fragment, encoding=encoding, scripting=scripting)
        bound.root.append(element)
        element.append(content)
        content.remove()
    return document


def _reopen(store, name):
    """Where a pickled document comes back to life."""
    return known_handle(store, ("document", name), lambda: store.document(name, create=False))


def _reopen_node(document, handle):
    return document.node(Handle(*handle))


_copse._register_node(Node)
