"""`python -m tests.accept`: every check on the real catalogs, and one table at the end.

Exit code 0 if everything holds, else 1. Checks can be named: `python -m tests.accept oracle kills`.
"""

import argparse
import importlib
import importlib.util
import os
import sys
import textwrap
import time
from collections.abc import Callable, Sequence

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from recsys.settings import Settings
from recsys.version import built_names

from . import Row

Check = Callable[[Settings], list[Row]]

CHECKS = (
    "oracle",
    "encoders",
    "learned",
    "models",
    "conditions",
    "bad_input",
    "processes",
    "kills",
    "browser",
    "store",
    "retrieval",
    "funnel",
    "catalogs",
    "store_large",
    "large",
)
"""Modules of this package with a function `checks(settings) -> list[Row]`, cheap ones first."""

ON_DEMAND = ("retrieval", "funnel", "store_large", "large")
"""Take from some minutes to half an hour: only when named, or with --all."""

WIDTHS = (62, 78)


def registry() -> dict[str, Check]:
    """The checks by name, in order; a module that does not exist is left out."""
    names = [name for name in CHECKS if importlib.util.find_spec(f"{__package__}.{name}") is not None]
    return {name: importlib.import_module(f"{__package__}.{name}").checks for name in names}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the checks and prints the table; returns the exit code."""
    known = registry()
    parser = argparse.ArgumentParser(prog="python -m tests.accept", description=__doc__.splitlines()[0])
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=f"one of {', '.join(known)}; all but the long ones")
    parser.add_argument("--all", action="store_true", help=f"the long ones too: {', '.join(ON_DEMAND)}")
    arguments = parser.parse_args(argv)
    unknown = [name for name in arguments.checks if name not in known]
    if unknown:
        parser.error(f"there is no check {unknown[0]}; there are: {', '.join(known)}")
    names = arguments.checks or [name for name in known if arguments.all or name not in ON_DEMAND]

    settings = Settings.from_env()
    if not built_names(settings):
        print("No catalog is built. Build them first: python -m recsys build", file=sys.stderr)
        return 1
    tables = {name: _run(name, known[name], settings) for name in names}
    for name, rows in tables.items():
        print(f"\n{name}")
        for row in rows:
            print(_line(row))
    if not arguments.checks and len(names) < len(known):
        print(f"\nNot asked, since they take long: {', '.join(ON_DEMAND)}. With them: python -m tests.accept --all")
    failed = sum(not row.ok for rows in tables.values() for row in rows)
    print(
        f"\n{sum(map(len, tables.values()))} asked, {failed} of them do not hold." if failed else "\nEverything holds."
    )
    return 1 if failed else 0


def _run(name: str, check: Check, settings: Settings) -> list[Row]:
    """One check's rows. A check that stumbles is a row too, so that the others still run."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    started = time.monotonic()
    try:
        rows = check(settings)
    except Exception as error:
        import traceback

        traceback.print_exc()
        rows = [Row(f"the check {name} runs to its end", f"{type(error).__name__}: {error}", False)]
    print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return rows


def _line(row: Row) -> str:
    """A row of the table, its long cells folded."""
    cells = [textwrap.wrap(cell, width) or [""] for cell, width in zip(row[:2], WIDTHS, strict=True)]
    cells.append(["yes" if row.ok else "NO"])
    height = max(map(len, cells))
    columns = [cell + [""] * (height - len(cell)) for cell in cells]
    return "\n".join(
        f"  {asked:{WIDTHS[0]}} | {measured:{WIDTHS[1]}} | {ok}".rstrip()
        for asked, measured, ok in zip(*columns, strict=True)
    )


if __name__ == "__main__":
    sys.exit(main())
