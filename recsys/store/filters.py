"""`Where` as a Qdrant filter. Edge and the client have classes of their own with the same arguments: one compiler."""

from typing import Any, NamedTuple

from recsys.where import Condition, Where

_BOUNDS = {">=": "gte", "<=": "lte", ">": "gt", "<": "lt"}


class FilterTypes(NamedTuple):
    """The classes a filter is made of, in one of Qdrant's two Python packages."""

    filter: type
    field: type
    any_of: type
    range: type


def compile_where(where: Where, types: FilterTypes) -> Any | None:
    """The filter that selects the same items as `FacetTable.mask`; None where everything passes.

    Args:
        where: conditions; a missing value satisfies none of them, `!=` included.
        types: the filter classes of the package that is going to read it.
    """
    must, must_not = [], []
    for condition in where:
        test = types.field(key=condition.facet, **_test(condition, types))
        if condition.op == "!=":
            # Not `MatchExcept`: on several values it means "has any other value".
            must_not += [test, types.field(key=condition.facet, is_empty=True)]
        else:
            must.append(test)
    return types.filter(must=must, must_not=must_not) if where else None


def _test(condition: Condition, types: FilterTypes) -> dict[str, Any]:
    """What the facet's value is compared with, `!=` read as `=`."""
    first = condition.values[0]
    if isinstance(first, str):
        return {"match": types.any_of(any=list(condition.values))}
    if isinstance(first, bool):  # flags are stored as 0 and 1: Edge's own booleans match the wrong items
        return {"match": types.any_of(any=[int(value) for value in condition.values])}
    if condition.op in _BOUNDS:
        return {"range": types.range(**{_BOUNDS[condition.op]: first})}
    return {"range": types.range(gte=first, lte=first)}
