"""Loads the encoders in the background once the first page is painted, so that the first typed wish is fast."""

import gc
import logging
import threading
import time

from recsys.errors import TastespaceError
from recsys.funnel import Funnel
from recsys.ui import resources

_log = logging.getLogger("tastespace")
_started = threading.Event()
_pictures_started = threading.Event()
PAINT_SECONDS = 1.0


def start() -> None:
    """Starts loading, once a process, in a thread of its own."""
    if not _started.is_set():
        _started.set()
        gc.freeze()  # see `spare_collector`; without a round of its own, since somebody waits
        threading.Thread(target=_load, name="warm-up", daemon=True).start()


def _load() -> None:
    # Importing torch holds the interpreter for seconds; the page that was just sent is still being drawn and may ask
    # for more.
    time.sleep(PAINT_SECONDS)
    for name in resources.catalogs():
        try:
            resources.funnel(name).encode_wish.warm_up()
        except TastespaceError as error:
            _log.warning("the encoders of %s cannot be loaded: %s", name, error)
    for name in resources.catalogs():  # after all encoders: a wish is typed sooner than the Funnel page is opened
        try:
            resources.funnel(name).ranking.warm()
        except TastespaceError as error:
            _log.warning("the rankers of %s cannot be loaded: %s", name, error)
    spare_collector()


def load_pictures(funnel: Funnel) -> None:
    """Starts loading the encoder of pictures, once a process: somebody is about to upload one."""
    if not _pictures_started.is_set():
        _pictures_started.set()
        threading.Thread(target=_load_pictures, args=(funnel,), name="warm-up-pictures", daemon=True).start()


def _load_pictures(funnel: Funnel) -> None:
    try:
        funnel.encode_wish.warm_up_pictures()
    except TastespaceError as error:
        _log.warning("the encoder of pictures cannot be loaded: %s", error)


def spare_collector() -> None:
    """Takes what is loaded for good out of the garbage collector's rounds.

    Streamlit collects all generations after each run of the script, and no message leaves meanwhile. With torch and
    pandas loaded that is 180 ms a click for objects that never die; frozen, it is a few.
    """
    gc.collect()
    gc.freeze()
