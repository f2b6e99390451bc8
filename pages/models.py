"""Models: which of them makes the best lists, for whom, at what cost, and what their spaces look like."""

from recsys.ui import frame, models, resources, state

LEAD = "Several ways to say who will want what, all asked the same question."
HINT = "Choose another question, or two models to hold side by side."
EMPTY = "Draw a lasso on a map, or try a button above."

view = state.view()
version = resources.funnel(view.catalog).version
record = models.record_of(version, view)

frame.header("models", "Models", LEAD)
if record is None:
    frame.changes(hint=EMPTY, page="models")
    models.nothing_measured(version)
    models.maps(version)
else:
    frame.changes(hint=HINT, page="models", command=models.command_of(record))
    models.question(version)
    models.story(record, version)
    models.board(record)
    models.segments(record, version)
    models.side_by_side(record, version)
    models.overlap(record)
    models.maps(version)
    models.learning(record)
    models.freshness(version)
    models.origin(record, version)
frame.honest(version)
