#!/usr/bin/env python3
"""copse --help, the manual page and the bash completion agree with the tool."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli"))
from harness import BUILD, SOURCE, TOOL, main, need, new_path, new_store, out, run, skip, test  # noqa: E402

PAGE = os.path.join(SOURCE, "cli/copse.1")
COMPLETION = os.path.join(SOURCE, "cli/copse.bash")


def commands():
    listed = out("--help").split("Commands:\n")[1].split("\n\n")[0]
    return [line.split()[0] for line in listed.splitlines()]


def options(command):
    """(letter or "", name, argument or "") of each option in a command's help."""
    text = out(command, "--help").split("\nOptions:\n")[1].split("\n\n")[0]
    rows = [re.match(r"  (?:-(\w), |    )--([a-z-]+)(?: (\S+(?: [A-Z]+)?))?(?=  |$)", line)
            for line in text.splitlines() if not line.startswith(" " * 28)]
    assert all(rows), text
    return [(row[1] or "", row[2], row[3] or "") for row in rows]


@test
def help_is_there_for_each_command():
    assert len(commands()) == 26, commands()
    assert run("--version").out.startswith("copse ")
    assert out("help") == out("-h") == out("--help")
    assert run(code=2).out == out("--help")
    for command in commands():
        text = out(command, "--help")
        assert text == out("help", command) == out(command, "-h")
        assert text.startswith(f"usage: copse {command} [options] ") and "\nExamples:\n" in text
        assert max(map(len, text.splitlines())) <= 80, max(text.splitlines(), key=len)
        letters = [letter for letter, _, _ in options(command) if letter]
        assert len(set(letters)) == len(letters), (command, letters)
        names = [name for _, name, _ in options(command)]
        assert len(set(names)) == len(names), (command, names)
    for line in run("--help").out.splitlines():
        assert len(line) <= 80, line


def stub(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write("#!/bin/bash\n" + text)
    os.chmod(path, 0o755)


@test
def examples_are_understood():
    """Each example is run by bash, with --help added to each copse: all is parsed, nothing done."""
    folder = new_path("examples")
    os.mkdir(folder)
    wrong = os.path.join(folder, "wrong")
    stub(folder, "copse", f'{" ".join(TOOL)} "$@" --help >/dev/null 2>>{wrong}\n')
    for name in ("curl", "jq", "mdb_dump", "mdb_load", "ssh", "zstd"):
        stub(folder, name, "")
    for name in ("titles.tsv", "cat.jpg", "page.html"):
        open(os.path.join(folder, name), "w").close()
    path = folder + ":" + os.environ["PATH"]
    ran = 0
    for command in commands():
        text = out(command, "--help").split("\nExamples:\n")[1].replace("\\\n", " ")
        for line in text.splitlines():
            if "..." not in line:
                subprocess.run(["bash", "-c", line], cwd=folder, env={**os.environ, "PATH": path},
                               stdin=subprocess.DEVNULL, check=True)
                assert not open(wrong).read(), line
                ran += 1
    assert ran > 40, ran


@test
def manual_page_names_everything():
    page = open(PAGE, encoding="utf-8").read()
    for command in commands():
        assert re.search(rf"^\.It Cm {command}\b", page, re.M), f"no entry for {command}"
    flags = set(re.findall(r"(?:Fl|,) (?:\w , )?-([a-z-]+)", page))
    flags |= set(re.findall(r"\.Fl (?:.* )?-([a-z-]+)", page))
    for command in commands():
        for _, name, _ in options(command):
            assert name in flags, f"--{name} of {command} is not in the manual page"
    known = {name for command in commands() for _, name, _ in options(command)} | {"version"}
    assert flags <= known, f"the manual page invents {flags - known}"


@test
def manual_page_is_well_formed():
    checked = False
    if shutil.which("mandoc"):
        checked = True
        said = subprocess.run(["mandoc", "-T", "lint", PAGE], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True).stdout
        said = [line for line in said.splitlines() if PAGE in line and "STYLE" not in line]
        assert not said, said
    if shutil.which("groff"):
        checked = True
        done = subprocess.run(["groff", "-mdoc", "-ww", "-Tutf8", PAGE], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        if "can't find macro file" not in done.stderr and "mdoc" not in done.stderr:
            assert done.returncode == 0 and not done.stderr, done.stderr
            assert "EXIT STATUS" in re.sub(r".\x08|\x1b\[[0-9;]*m", "", done.stdout)
    if not checked:
        skip("neither mandoc nor groff is installed")


def complete(line, folder=None):
    """What bash offers at the end of a line, as a set."""
    script = f"""
      . {COMPLETION}
      COMP_LINE=$1 COMP_POINT=${{#1}}
      # As readline does it: words are broken at blanks and at =.
      read -r -a COMP_WORDS <<<"${{1//=/ = }}"
      [[ $1 == *[[:space:]=] ]] && COMP_WORDS+=("")
      COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
      COMP_WORDS[0]={BUILD}/copse
      _copse
      printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script, "bash", line], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, cwd=folder, timeout=60)
    assert done.returncode == 0 and not done.stderr, done
    return set(done.stdout.split("\n")) - {""}


@test
def completion_knows_commands_and_options():
    if len(TOOL) > 1:
        skip("the tool runs under a wrapper")
    assert complete("copse ") == set(commands()) | {"--help", "--version"}
    assert complete("copse co") == {"copy", "compact", "combine"}
    assert complete("copse help mi") == {"migrate"}
    for command in commands():
        assert complete(f"copse {command} --") == {f"--{name}" for _, name, _ in options(command)}
    assert complete("copse load --fo") == {"--format"}
    assert complete("copse load --format ") == {"tsv", "jsonl", "mdb"}
    assert complete("copse load --format=m") == {"mdb"}
    assert complete("copse load --format=") == {"tsv", "jsonl", "mdb"}
    assert complete("copse load -f j") == {"jsonl"}
    assert complete("copse create x m --key ") == {"bytes", "u64", "tuple"}
    assert complete("copse put --timeout ") == set()


@test
def completion_knows_files_and_maps():
    if len(TOOL) > 1:
        skip("the tool runs under a wrapper")
    store = new_store("titles", "tags", "a b")
    folder, name = os.path.split(store)
    assert store in complete(f"copse scan {store[:-1]}")
    assert name in complete("copse scan --limit 5 ", folder)
    assert complete(f"copse scan {store} ") == {"titles", "tags", "a\\ b"}
    assert complete(f"copse scan {store} ti") == {"titles"}
    assert complete(f"copse scan --limit 5 -R {store} ta") == {"tags"}
    assert complete(f"copse scan --limit=5 {store} ta") == {"tags"}
    assert complete(f"copse dump {store} tags t") == {"titles", "tags"}
    assert complete(f"copse scan '{store}' ti") == {"titles"}
    assert store in complete(f"copse copy {store} {store[:-1]}")
    assert complete(f"copse diff --wait {store} ti") == {"titles"}
    assert complete(f"copse diff {store} {store} ti") == {"titles"}
    assert complete(f"copse scan {store}-nothing ") == set()
    victim = new_path("victim")
    complete(f"copse scan $(touch$IFS{victim}) ")
    complete(f"copse scan `touch$IFS{victim}` ")
    assert not os.path.exists(victim), "completion must not run what is typed"


@test
def completion_is_clean():
    need("shellcheck")
    done = subprocess.run(["shellcheck", "-s", "bash", COMPLETION], stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stdout.decode()


if __name__ == "__main__":
    sys.exit(main())
