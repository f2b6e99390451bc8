"""The Catalogs page: what is built here, and adding a catalog of one's own."""

PARTS = {"here": "What is here", "add": "Add your own"}
HINTS = {
    "here": "Open a catalog, take its items and vectors with you, or build it anew.",
    "add": "A table is enough: pictures, ratings and vectors of your own are welcome.",
}


def show(part: str) -> None:
    """Shows a part of the page, below the imports that run.

    Args:
        part: of `PARTS`.
    """
    from recsys.ui.catalogs import following

    following.show()
    if part == "add":
        from recsys.ui.catalogs import add

        add.show()
    else:
        from recsys.ui.catalogs import here

        here.show()
