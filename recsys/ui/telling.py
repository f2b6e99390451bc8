"""The newcomer's story that a view holds: for Cold start, for its path on the map and for the item panel.

A story is nothing but the view's: `user` or `story` say what was answered, `frame` how much of it is told, `off` what
the list leaves out of account.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from recsys.errors import TastespaceError
from recsys.funnel import Funnel
from recsys.lessons import story
from recsys.lessons.priors import Priors, learn_priors
from recsys.lessons.story import READY, Step
from recsys.profile import Profile
from recsys.ui import actions, resources, state
from recsys.ui.link import View
from recsys.ui.shelf import Event
from recsys.version import Version


@dataclass(frozen=True)
class Story:
    """A story as a view holds it.

    Attributes:
        steps: all its answers.
        at: how many of them are told.
        off: kinds of answers that the list leaves out of account.
        later: the items that a real user liked after it.
        problems: a sentence for each answer that cannot be used.
    """

    steps: tuple[Step, ...]
    at: int
    off: tuple[str, ...]
    later: frozenset[str]
    problems: list[str]

    @property
    def told(self) -> tuple[Step, ...]:
        """The answers so far."""
        return self.steps[: self.at]

    @property
    def profile(self) -> Profile:
        """What they say of items, less what is left out of account: whose list it is."""
        return story.profile_of([step for step in self.told if step.kind not in self.off])


def story_of(view: View, version: Version) -> Story:
    """Reads a view's story: a real user's, its own, or the catalog's ready one."""
    later: frozenset[str] = frozenset()
    texts = READY.get(version.name, ()) if view.story is None else view.story
    steps, problems = story.read_steps(texts, version, priors_of(version))
    if view.user is not None:
        try:
            steps, later = story.of_user(version, view.user)
        except TastespaceError as error:
            problems.append(str(error))
    at = len(steps) if view.frame is None else min(view.frame, len(steps))
    return Story(steps, at, view.off, later, problems)


def priors_of(version: Version) -> Priors | None:
    """What the people of a catalog tell about newcomers; None where nobody rated anything."""
    return _learned(version, f"{version.name}@{version.id}")


@st.cache_resource(max_entries=8, show_spinner=False)
def _learned(_version: Version, version_id: str) -> Priors | None:
    return None if _version.catalog.interactions is None else learn_priors(_version)


def request_of(view: View, version: Version) -> Mapping:
    """What a story's lists ask of the funnel beside the answers."""
    # The prior adds to a cosine: a learned space has neither, and knows the people's taste already.
    space = view.space if view.space in version.content_spaces else version.default_space
    return {"space": space, "blend": view.blend, "lam": view.lam, "k": view.k}


def on_the_map(view: View, version: Version) -> View:
    """The same visitor where the story has led them: its point in its space, to which `path` leads."""
    return replace(view, profile=story_of(view, version).profile, space=request_of(view, version)["space"])


def path(funnel: Funnel, space: str, coords: np.ndarray) -> np.ndarray | None:
    """Where the point was after each answer about items: (m, dims). None where the story does not lead to the visitor.

    Args:
        funnel: of the catalog.
        space: the space of the map.
        coords: (n, dims) the items' places.
    """
    view = state.view()
    if not view.profile:
        return None
    told = story_of(view, funnel.version)
    if told.profile != view.profile:  # who has gone on alone since is elsewhere
        return None
    said = [step for step in told.told if step.kind in (*story.ABOUT_ITEMS, "wish") and step.kind not in told.off]
    return story.path(funnel, said, space, view.blend, coords)


def handle(event: Event) -> None:
    """Does what somebody did to a card: where a story is told, an answer is its next step."""
    if not st.session_state.get("telling") or event.do not in ("like", "dislike", "unrate"):
        actions.handle(event)
        return
    version = resources.funnel(state.view().catalog).version
    if event.id not in version:
        return  # the catalog was built anew under an open page
    steps = story_of(state.view(), version).steps
    said = {"like": "You liked", "dislike": "You disliked", "unrate": "You took back what you said of"}[event.do]
    rest = [step for step in steps if event.do != "unrate" or step.value != event.id]
    more = [Step(event.do, event.id)] if event.do != "unrate" else []
    answer([*rest, *more], f"{said} {version.catalog.items.at[event.id, 'title']}.")


def answer(steps: list[Step], note: str) -> None:
    """Makes these answers the story, told to its end."""
    state.change(note, story=tuple(map(str, steps)), frame=None, user=None)
