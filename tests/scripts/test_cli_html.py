#!/usr/bin/env python3
"""copse html: trees, selecting, formatting, documents in stores."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli"))
from harness import main, new_path, out, run, skip, test  # noqa: E402

PAGE = """<!DOCTYPE html><title>A &amp; B</title>
<body><h1 id=top class="x y">One</h1><p>text <a href="/a">first</a>, <a>none</a>,
<a href='http://b/?x&amp;y'>second</a></p><noscript><p>x</noscript>"""


def html(*arguments, data=PAGE, **more):
    result = run("html", *arguments, data=data, **more)
    return result.out


def needs_parser():
    if "has no HTML parser" in run("html", "tree", code=None).err:
        skip("this build has no libcopse-html")


@test
def a_build_without_a_parser_says_what_to_install():
    result = run("html", "tree", code=None)
    assert result.code in (0, 3), result
    if result.code == 3:
        assert "librust-html5ever-dev" in result.err, result


@test
def trees():
    needs_parser()
    assert html("tree", data="<p>x") == '| <html>\n|   <head>\n|   <body>\n|     <p>\n|       "x"\n'
    assert html("tree", "--fragment", "tr", data="<td>x") == '| <td>\n|   "x"\n'
    assert html("tree", "-f", "svg path", data="<g>") == "| <svg g>\n"
    off, on = html("tree", data="<noscript><p>"), html("tree", "--scripting", data="<noscript><p>")
    assert off != on, on
    assert html("tree", "-e", "koi8-r", "-f", "p", data=b"\xc1") == '| "\u0430"\n'
    assert html("tree", data=b"\xff\xfe<\0p\0>\0") == html("tree", data="<p>")


@test
def files_and_standard_input():
    needs_parser()
    path = new_path("page.html")
    with open(path, "w", encoding="utf-8") as file:
        file.write(PAGE)
    assert html("fmt", path, data="") == html("fmt") == html("fmt", "-")
    assert run("html", "fmt", path + "-not", code=3).err.endswith("No such file or directory\n")


@test
def formatted():
    needs_parser()
    text = html("fmt")
    assert "\n  <head>\n    <title>" in text, text


@test
def selecting():
    needs_parser()
    assert html("select", "a", "--attr", "href") == "/a\nhttp://b/?x&y\n"
    assert html("select", "h1", "--text") == "One\n"
    assert html("select", "h1") == html("select", "h1", "--html")
    assert html("select", "#top") == '<h1 id="top" class="x y">One</h1>\n'
    assert html("select", "table", code=1) == ""
    result = run("html", "select", "p >", data=PAGE, code=2)
    assert len(result.err) > 30, result


@test
def selecting_as_json():
    needs_parser()
    rows = [json.loads(line) for line in html("select", "a", "--json").splitlines()]
    assert [row["text"] for row in rows] == ["first", "none", "second"], rows
    assert rows[2]["attributes"] == {"href": "http://b/?x&y"} and rows[2]["name"] == "a"
    assert rows[1]["html"] == "<a>none</a>", rows
    values = [json.loads(line) for line in html("select", "a", "-j", "-a", "href").splitlines()]
    assert values == ["/a", None, "http://b/?x&y"], values
    assert json.loads(html("select", "title", "--json", "--text")) == "A & B"


@test
def documents_in_stores():
    needs_parser()
    store = new_path("store")
    html("store", store, "page")
    assert html("select", "--from", store, "page", "h1", "--text", data="") == "One\n"
    assert html("tree", "--from", store, "page", data="") == html("tree")
    html("store", store, "page", data="<p>other")
    html("store", store, "second")
    assert html("fmt", "--from", store, "page", data="") == html("fmt", data="<p>other")
    assert "sound" in out("check", store) or run("check", store)
    assert "'none'" in run("html", "tree", "--from", store, "none", code=3).err


@test
def what_does_not_go_together():
    for wrong in (["nothing"], ["select"], ["tree", "a", "b"], ["tree", "--text"], ["tree", "--from", "x"],
                  ["tree", "--from", "x", "y", "z"], ["store", "x"], ["select", "a", "--text", "--html"],
                  ["store", "x", "y", "--from", "a", "b"], ["fmt", "--from", "a", "b", "-f", "p"]):
        run("html", *wrong, code=2)
    needs_parser()
    run("html", "tree", "-e", "nonsense", code=2)
    run("html", "tree", "-f", "a b", code=2)


if __name__ == "__main__":
    sys.exit(main())
