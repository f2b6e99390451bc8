"""Who may import whom. The table is the architecture; the tests read every import of the project and hold it to that.

A module may import what stands below its line, never what stands above it or beside it.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

LAYERS = """
app pages                                                        widgets -> one call -> components
recsys.ui                                                        the only part of recsys that knows streamlit
recsys.__main__                                                  the command line
recsys.bench                                                     the measurements
recsys.importing                                                 what people bring: checked, kept, built, removed
recsys.estimates                                                 what an import will make and take
recsys.build recsys.carry recsys.lessons                         what makes, moves and teaches with catalogs
recsys.learning                                                  which models a catalog gets, and from whom
recsys.explain recsys.evaluation recsys.projection recsys.population recsys.observe      why, how well, where, for whom
recsys.funnel                                                    the one pipeline
recsys.candidates                                                the stage that finds them, by store or engine
recsys.user_vectors                                              a visitor's point, kept while likes arrive
recsys.towers recsys.wishes recsys.ranking recsys.diversity recsys.retrieval      a stage each
recsys.models                                                    what is learned from who rated what
recsys.store recsys.encoders recsys.sources recsys.progress      Qdrant, the models, the data, how far a build is
recsys.version recsys.personas                                   a built catalog; ready-made visitors
recsys.profile recsys.where                                      who asks, and under which conditions
recsys.ratings                                                   who rated what, as arrays
recsys.catalog recsys.cache recsys.demographics recsys.rates     the items; what a build remembers and tells
recsys.settings recsys.hits recsys.trace recsys.turns recsys.provenance       the environment; a list and its story
recsys.errors recsys.spreadsheet                                 what can go wrong, in sentences
"""

MAY_IMPORT_STREAMLIT = ("app", "pages", "recsys.ui")


def table() -> dict[str, int]:
    """Height of each part of the project, the bottom at 1."""
    lines = [line.split("  ")[0].split() for line in reversed(LAYERS.strip().splitlines())]
    return {part: height for height, parts in enumerate(lines, start=1) for part in parts}


HEIGHTS = table()


def part_of(module: str) -> str | None:
    """The part of the table that a module belongs to; None for what is not ours or in no line."""
    names = module.split(".")
    return next((p for n in range(len(names), 0, -1) if (p := ".".join(names[:n])) in HEIGHTS), None)


def imports(source: str, module: str, is_package: bool) -> set[str]:
    """Every module that the source imports, wherever it stands: in functions and under TYPE_CHECKING too."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*base, *([node.module] if node.module else [])])
            # `from recsys import funnel` imports the module recsys.funnel.
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def forbidden(module: str, imported: str) -> str | None:
    """What is wrong with one import, or None."""
    own, other = part_of(module), part_of(imported)
    if imported.split(".")[0] == "streamlit" and own not in MAY_IMPORT_STREAMLIT:
        return f"{module} imports streamlit"
    if other is None or own == other:
        return None
    if HEIGHTS[own] == HEIGHTS[other]:
        return f"{module} imports {imported}, its sibling"
    return f"{module} imports {imported}, which stands above it" if HEIGHTS[own] < HEIGHTS[other] else None


def modules() -> dict[str, Path]:
    """The project's modules by name."""
    files = [ROOT / "app.py", *ROOT.glob("pages/**/*.py"), *ROOT.glob("recsys/**/*.py")]
    found = {}
    for path in filter(Path.exists, files):
        names = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(names[:-1] if names[-1] == "__init__" else names)] = path
    return found


MODULES = modules()


@pytest.mark.parametrize("module", sorted(MODULES))
def test_arrows_point_down(module):
    path = MODULES[module]
    found = imports(path.read_text(), module, path.name == "__init__.py")
    if module == "recsys":  # what every import of the project runs first: it may import nothing of ours
        assert not [name for name in found if name.split(".")[0] in ("recsys", "streamlit")]
        return
    assert part_of(module) is not None, f"{module} has no line in the table of layers"
    assert [problem for name in sorted(found) if (problem := forbidden(module, name))] == []


def test_nobody_imports_the_package_as_a_whole():
    """`import recsys` would hide what is used."""
    for module, path in MODULES.items():
        assert "recsys" not in imports(path.read_text(), module, path.name == "__init__.py"), module


def test_every_part_of_the_table_stands_once():
    words = [word for line in LAYERS.strip().splitlines() for word in line.split("  ")[0].split()]
    assert len(words) == len(set(words)) == len(HEIGHTS) > 20


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("recsys.where", "from recsys.funnel import Funnel", True),
        ("recsys.where", "from recsys import funnel", True),
        ("recsys.where", "import recsys.funnel as f", True),
        ("recsys.where", "from .funnel import Funnel", True),
        ("recsys.where", "from . import funnel", True),
        ("recsys.where", "def f():\n    from recsys.funnel import Funnel", True),
        ("recsys.where", "if TYPE_CHECKING:\n    from recsys.funnel import Funnel", True),
        ("recsys.where", "from recsys.profile import Profile", True),
        ("recsys.store.edge", "from recsys.sources.movies import load", True),
        ("recsys.store.edge", "from ..sources import movies", True),
        ("recsys.funnel", "import streamlit as st", True),
        ("recsys.bench.app", "from streamlit.testing.v1 import AppTest", True),
        ("recsys.ui.link", "from pages import home", True),
        ("recsys.where", "from recsys.catalog import Catalog", False),
        ("recsys.store.edge", "from recsys.store.base import Store", False),
        ("recsys.store.edge", "from .base import Store", False),
        ("recsys.ui.state", "import streamlit", False),
        ("pages.home", "from recsys.ui import state", False),
        ("recsys.where", "import numpy, pandas.api", False),
    ],
)
def test_the_test_itself(module, source, wrong):
    assert any(forbidden(module, name) for name in imports(source, module, is_package=False)) == wrong
