"""Sources: where the catalogs come from. Each is a module's functions under one roof."""

from recsys.settings import Settings
from recsys.sources import clipart, movies
from recsys.sources.base import Source
from recsys.sources.imported.source import imported_sources

__all__ = ["SOURCES", "Source", "sources"]

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            clipart.NAME,
            clipart.LABEL,
            clipart.ABOUT,
            clipart.load,
            (clipart.DEB["sha256"], clipart.FORMAT),
            clipart.picture_reader,
        ),
        Source(
            movies.NAME,
            movies.LABEL,
            movies.ABOUT,
            movies.load,
            (movies.RATINGS_WHEEL["sha256"], movies.FILMS_WHEEL["sha256"], movies.FORMAT),
        ),
    )
}
"""The catalogs that come with the app."""


def sources(settings: Settings) -> dict[str, Source]:
    """The catalogs that come with the app, and those that were imported here, by name."""
    return {**SOURCES, **{name: own for name, own in imported_sources(settings).items() if name not in SOURCES}}
