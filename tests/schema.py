"""Reads docs/schema.md, and tells the keys of a document in the same form."""

import re

from recsys.settings import ROOT

# Their keys are packages, signals, reasons and, of an engine, arguments.
OPEN = ("versions", "counts", "dropped", "arguments", "defaults", "knobs")
NAMED = ("methods", "catalogs")  # their keys are methods, catalogs; what lies below each is alike


def documented_bench(section: str) -> set[str]:
    """The keys of a section of the page and of what all benchmarks have: paths, as `runs.edge.plain.p50_ms`."""
    return documented("bench") | documented(section)


def documented(section: str) -> set[str]:
    """The keys of a section of the page: paths, as `runs.edge.plain.p50_ms`."""
    page = (ROOT / "docs" / "schema.md").read_text()
    return keys(re.search(rf"^##+ `{section}`.*?```\n(.*?)```", page, re.M | re.S)[1])


def keys(block: str) -> set[str]:
    """Reads the page's notation: a line is keys and, some spaces on, what they mean; braces nest."""
    paths, parents = set(), [[""]]
    for line in block.splitlines():
        if re.match(r" {20}", line):  # goes on with what a key means
            continue
        if line.strip().startswith("}"):
            parents.pop()
            continue
        names, colon, rest = (
            line.strip().partition(": ") if re.match(r"[\w@, ]+: \[?{", line.strip()) else (line, "", "")
        )
        names = re.split(r"\s{2,}", names.strip())[0].split(", ")
        here = [parent + name for parent in parents[-1] for name in names]
        paths |= set(here)
        inside = re.match(r"{ (.*?) }", rest)
        if inside:
            paths |= {f"{path}.{name}" for path in here for name in inside[1].split(", ")}
        elif colon:
            parents.append([f"{path}." for path in here])
    return paths


def told(document: object, path: str = "") -> set[str]:
    """The paths of a document's keys; the elements of a list count as one."""
    if isinstance(document, list):
        return set().union(*(told(element, path) for element in document))
    name = path.rstrip(".").split(".")[-1]
    if not isinstance(document, dict) or name in OPEN:
        return set()
    if name in NAMED:
        return set().union(*(_below(value, path) for value in document.values()))
    return _below(document, path)


def _below(document: object, path: str) -> set[str]:
    if isinstance(document, list):
        return set().union(*(_below(element, path) for element in document))
    return set().union(*({path + key} | told(value, f"{path}{key}.") for key, value in document.items()))
