#!/usr/bin/env python3
"""Draws the benchmark's results: one SVG per workload, without any dependency.

    bench/chart.py RESULTS.json FOLDER

Rows of one process become bars, a group for each metric; rows over several numbers of
processes or records become lines. Whiskers and bands show the rounds' minimum and maximum.
"""
import json
import math
import os
import sys
from html import escape

COLORS = {  # Okabe and Ito's, told apart by everybody
    "copse": "#0072b2", "lmdb": "#d55e00", "sqlite": "#009e73", "boost": "#cc79a7",
    "rocksdb": "#e69f00", "bdb": "#56b4e9", "concread": "#666666", "copse hash_join": "#0072b2",
    "rcdom": "#e69f00", "gumbo": "#cc79a7", "libxml2": "#009e73", "copse merge_join": "#0072b2", "h5py": "#e69f00", "npy": "#56b4e9",
}
TITLES = {
    "get": "Random gets in one snapshot",
    "multiget": "Random gets, 64 at once",
    "get-snapshot": "Random gets, a snapshot each",
    "scan-random": "Ordered scan after a random load",
    "scan-sorted": "Ordered scan after a sorted load",
    "load-random": "Load in random order, 1,000 puts per commit",
    "load-sorted": "Load in ascending order, 1,000 puts per commit",
    "put1": "Random puts, one per commit",
    "writers1": "Several writer processes, one put per commit",
    "writers100": "Several writer processes, 100 puts per commit",
    "visibility": "From commit until another process has the value",
    "attach": "A new process, from open to its first get",
    "attach-memory": "Private memory of a process that attached",
    "mixed": "A writer and a reader at once",
    "readers-processes": "Reader processes beside a writer",
    "readers-threads": "Reader threads beside a writer",
    "get20m": "Random gets, 20 million records",
    "curve": "A lookup's cost as the store grows (8-byte values)",
    "html-large": "HTML pages of 1 MB and more: parsed, walked, written out",
    "html-medium": "HTML pages of 0.1 to 1 MB: parsed, walked, written out",
    "html-small": "HTML pages of at most 32 KB: parsed, walked, written out",
    "html-stored": "A stored HTML page of 8 MB: a new process, and single moves",
    "html-nodes": "A million elements made, appended and detached, in one transaction",
    "py-matrices1000": "Python: 4 workers store matrices, 1,000 per commit",
    "py-matrices1": "Python: 4 workers store matrices, one per commit, waiting until it is visible",
    "py-matrices1-async": "Python: 4 workers store matrices, one per commit, pipelined",
    "py-get": "Python: random reads of one matrix as an array",
    "py-array": "Python: all matrices as one array",
    "py-sum": "Python: sum of all matrices in chunks, and of one array",
    "py-scan": "Python: scan of keys of 24 bytes",
    "py-join": "Python: joins of two maps, half of whose keys are in both",
    "py-html-parse": "Python: pages of HTML parsed",
    "py-html-select": "Python: selectors asked, for a list of elements",
    "py-end": "Python: end of a snapshot on which a million leased values rest",
}
METRICS = {
    "ops_s": "gets per second", "puts_s": "puts per second", "records_s": "records per second",
    "commits_s": "commits per second", "p50_ns": "median time", "p99_ns": "99 % below",
    "p999_ns": "99.9 % below", "worst_ns": "longest", "bytes_per_record": "bytes per record",
    "least_share": "least-served process: share of a fair part",
    "retries_s": "transactions given up per second", "private_bytes": "private bytes",
    "page_table_bytes": "page tables", "get_ns": "time per get",
    "from_begin_p50_ns": "median time from begin", "keys_s": "keys per second",
    "parse_bytes_s": "bytes parsed per second", "write_bytes_s": "bytes written out per second",
    "parse_ns": "parsing, per node", "put_ns": "of that: the transaction, per node",
    "tree_ns": "of that: making the tree, per node", "walk_ns": "walk, per node",
    "drop_ns": "dropping the tree, per node", "bytes_per_node": "bytes per node",
    "attach_query_ns": "attaching, and the first query", "query_ns": "that query again",
    "attached_walk_ns": "first walk after attaching, per node", "move_ns": "a committed move",
    "append_ns": "made and appended, per node", "detach_ns": "detached, per node",
    "blocks_per_key": "blocks of memory per key", "end_ns": "time",
    "select_ns": "one selector on one page",
}
PUT1 = dict(METRICS, ops_s="puts per second")
LOWER = ("_ns", "bytes", "bytes_per_record", "bytes_per_node", "blocks_per_key", "retries_s")


def metric_title(workload, metric):
    text = (PUT1 if workload == "put1" else METRICS).get(metric, metric)
    lower = metric.endswith(LOWER) or metric == "bytes_per_record"
    return f"{text} ({'lower' if lower else 'higher'} is better)"


def human(metric, value):
    """1.2 M/s, 850 ns, 131 B."""
    if metric.endswith("_ns"):
        steps = [(1e9, " s"), (1e6, " ms"), (1e3, " µs"), (1, " ns")]
    elif metric.endswith("_s"):
        steps = [(1e6, " M/s"), (1e3, " k/s"), (1, " /s")]
    elif "bytes" in metric:
        steps = [(1 << 20, " MiB"), (1 << 13, " KiB"), (1, " B")]
    else:
        steps = [(1, "")]
    for factor, unit in steps:
        if value >= factor or factor == 1:
            scaled = value / (1024 if unit == " KiB" else factor)
            return f"{scaled:.3g}{unit}" if scaled < 1000 else f"{scaled:,.0f}{unit}"
    return f"{value:.3g}"


def nice_ticks(top):
    """Round numbers from 0 to top or a little more, five or so."""
    if top <= 0:
        return [0, 1]
    step = 10 ** math.floor(math.log10(top / 4))
    step = next(step * m for m in (1, 2, 2.5, 5, 10) if top / (step * m) <= 5)
    return [step * i for i in range(math.ceil(top / step) + 1)]


class Svg:
    def __init__(self, width, height):
        self.width, self.height, self.parts = width, height, []

    def add(self, tag, text=None, **attributes):
        pairs = "".join(f' {name.replace("_", "-")}="{escape(str(value))}"'
                        for name, value in attributes.items())
        inside = f">{escape(text)}</{tag}>" if text is not None else "/>"
        self.parts.append(f"<{tag}{pairs}{inside}")

    def text(self, x, y, text, size=12, **attributes):
        attributes.setdefault("fill", "#222")
        self.add("text", text, x=f"{x:.1f}", y=f"{y:.1f}", font_size=size, **attributes)

    def line(self, x1, y1, x2, y2, color="#222", width=1, **attributes):
        self.add("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}",
                 stroke=color, stroke_width=width, **attributes)

    def write(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" '
                       f'height="{self.height}" viewBox="0 0 {self.width} {self.height}" '
                       'font-family="sans-serif">\n<rect width="100%" height="100%" fill="#fff"/>\n')
            file.write("\n".join(self.parts))
            file.write("\n</svg>\n")


def head(svg, workload, meta):
    svg.text(20, 28, TITLES.get(workload, workload), 18, font_weight="bold")
    records = "" if workload in ("curve", "get20m") else f"{int(meta.get('records', 0)):,} records, "
    record = "matrices of 64 bytes" if workload.startswith("py-") else "16-byte keys"
    if workload.startswith("html-"):
        records, record = "", "documentation pages of Debian"
    svg.text(20, 46, f"{records}{record}; {meta.get('cpu')}, {meta.get('cores')} cores, "
             f"{meta.get('kernel')}; commit {meta.get('commit')}; durability "
             f"{meta.get('durability')}", 11, fill="#666")


def engine_label(row):
    return row["engine"] + ("*" if row.get("threads") else "")


def draw_bars(workload, rows, meta, path):
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    bar, left, right, width = 22, 110, 110, 720
    height = 70 + sum(44 + bar * sum(r["metric"] == m for r in rows) for m in metrics) + 24
    svg = Svg(width, height)
    head(svg, workload, meta)
    y = 70
    for metric in metrics:
        group = [row for row in rows if row["metric"] == metric]
        top = max(row["max"] for row in group) or 1
        scale = (width - left - right) / top
        svg.text(left, y + 12, metric_title(workload, metric), 12, font_weight="bold")
        y += 20
        for row in group:
            middle = y + bar / 2
            color = COLORS.get(row["engine"], "#999")
            svg.text(left - 8, middle + 4, engine_label(row), text_anchor="end")
            svg.add("rect", x=left, y=y + 3, width=f"{row['median'] * scale:.1f}",
                    height=bar - 6, fill=color)
            svg.line(left + row["min"] * scale, middle, left + row["max"] * scale, middle)
            for end in (row["min"], row["max"]):
                svg.line(left + end * scale, middle - 4, left + end * scale, middle + 4)
            svg.text(left + row["max"] * scale + 8, middle + 4, human(metric, row["median"]))
            y += bar
        svg.line(left, y - bar * len(group), left, y)
        y += 24
    foot(svg, rows, height)
    svg.write(path)


def foot(svg, rows, height):
    note = "median of the rounds; whiskers: minimum and maximum"
    if any(row.get("threads") for row in rows):
        note += "; * threads of one process"
    svg.text(20, height - 10, note, 11, fill="#666")


def draw_lines(workload, rows, meta, path, along):
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    left, width, plot = 80, 720, 220
    height = 70 + len(metrics) * (plot + 80) + 10
    svg = Svg(width, height)
    head(svg, workload, meta)
    for k, metric in enumerate(metrics):
        group = [row for row in rows if row["metric"] == metric]
        draw_plot(svg, workload, metric, group, along, left, 86 + k * (plot + 80),
                  width - left - 130, plot)
    foot(svg, rows, height)
    svg.write(path)


def draw_plot(svg, workload, metric, rows, along, left, top, width, height):
    values = sorted({row[along] for row in rows})
    ticks = nice_ticks(max(row["max"] for row in rows))
    x_of = {v: left + width * (i + 0.5) / len(values) for i, v in enumerate(values)}

    def y_of(value):
        return top + height - height * value / ticks[-1]

    svg.text(left, top - 8, metric_title(workload, metric), 12, font_weight="bold")
    for tick in ticks:
        svg.line(left, y_of(tick), left + width, y_of(tick), "#ddd")
        svg.text(left - 8, y_of(tick) + 4, human(metric, tick), 11, text_anchor="end")
    for value in values:
        svg.text(x_of[value], top + height + 16, f"{value:,}", 11, text_anchor="middle")
    what = {"records": "keys", "processes": "processes"}[along]
    if workload.startswith("readers"):
        what = "readers"
    svg.text(left + width / 2, top + height + 34, what, 11, text_anchor="middle", fill="#666")
    svg.line(left, top + height, left + width, top + height)
    labels = []
    for engine in dict.fromkeys(row["engine"] for row in rows):
        line = sorted((row for row in rows if row["engine"] == engine), key=lambda r: r[along])
        color = COLORS.get(engine, "#999")
        points = " ".join(f"{x_of[r[along]]:.1f},{y_of(r['median']):.1f}" for r in line)
        svg.add("polyline", points=points, fill="none", stroke=color, stroke_width=2)
        for row in line:
            x = x_of[row[along]]
            svg.line(x, y_of(row["min"]), x, y_of(row["max"]), color)
            svg.add("circle", cx=f"{x:.1f}", cy=f"{y_of(row['median']):.1f}", r=3, fill=color)
        labels.append([y_of(line[-1]["median"]), engine_label(line[-1]), color,
                       x_of[line[-1][along]], human(metric, line[-1]["median"])])
    place = -1e9
    for y, name, color, x, value in sorted(labels):  # apart from one another
        place = max(y, place + 14)
        svg.line(x + 5, y, left + width + 6, place, color, 0.5, stroke_dasharray="2 2")
        svg.text(left + width + 8, place + 4, f"{name} {value}", 11, fill=color)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        results = json.load(file)
    os.makedirs(sys.argv[2], exist_ok=True)
    for workload in dict.fromkeys(row["workload"] for row in results["rows"]):
        rows = [row for row in results["rows"] if row["workload"] == workload]
        path = os.path.join(sys.argv[2], workload + ".svg")
        if any("records" in row for row in rows):
            draw_lines(workload, rows, results["meta"], path, "records")
        elif len({row["processes"] for row in rows}) > 1:
            draw_lines(workload, rows, results["meta"], path, "processes")
        else:
            draw_bars(workload, rows, results["meta"], path)
        print(path)


if __name__ == "__main__":
    main()
