"""How engines look in charts: told apart within a family, and axes that can be read."""

from recsys.retrieval import ENGINES, FAMILIES, engine_class
from recsys.ui.retrieval import look


def test_every_family_has_a_colour_of_its_own():
    assert set(look.FAMILY_HUES) == set(FAMILIES)
    assert len(set(look.FAMILY_HUES.values())) == len(FAMILIES)
    assert look.hue("somebody else's") in look.FAMILY_HUES.values()


def test_no_two_engines_look_alike():
    families = {name: engine_class(name).family for name in ENGINES}
    places = look.places(families)
    looks = {(look.hue(families[name]), look.symbol(place)) for name, place in places.items()}
    assert len(looks) == len(ENGINES)
    assert look.symbol(0, here=True) == "circle-open"


def test_engines_are_named_family_by_family_and_strangers_last():
    families = {"x:Y": "other", "faiss-ivf": "cells", "faiss-hnsw": "graph", "hnswlib": "graph", "exhaustive": "flat"}
    assert look.order(families) == ["exhaustive", "hnswlib", "faiss-hnsw", "faiss-ivf", "x:Y"]
    assert look.places(families) == {"exhaustive": 0, "hnswlib": 0, "faiss-hnsw": 1, "faiss-ivf": 0, "x:Y": 0}


def test_a_logarithmic_axis_has_few_ticks_and_enough():
    assert look.log_axis([0.05, 0.5])["ticktext"] == ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1", "2", "5"]
    assert look.log_axis([1, 50_000])["ticktext"] == ["1", "10", "100", "1,000", "10,000", "100,000"]
    assert look.log_axis([3.0])["type"] == "log"
