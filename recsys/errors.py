"""Problems we can explain. Everything a person can cause ends here, never in a traceback."""


class TastespaceError(Exception):
    """What happened, in one sentence, and the way out, in another.

    Args:
        what: what is wrong, in words a visitor understands.
        way_out: what to do about it; empty where nothing can be done.
    """

    def __init__(self, what: str, way_out: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.way_out = way_out

    def __str__(self) -> str:
        return f"{self.what} {self.way_out}".strip()


class CatalogError(TastespaceError):
    """A catalog's data cannot be read, fetched or trusted."""


class UnknownItem(TastespaceError):
    """An item id that the catalog does not have."""


class InvalidInput(TastespaceError, ValueError):
    """A value from a link, a form or the command line that cannot be used."""


class MissingExtra(TastespaceError):
    """A package that is not installed; the way out names the pip command."""


class NotBuilt(TastespaceError):
    """Something that has to be built first; the way out names the build command."""


class StoreUnavailable(TastespaceError):
    """The vector store does not answer, or refuses us."""


def quoted(text: str, width: int = 60) -> str:
    """Somebody's words as a sentence may repeat them: in quotes, on one line, printable, at most `width` characters."""
    text = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return f"“{text[: width - 1]}…”" if len(text) > width else f"“{text}”"
