"""Work that runs beside the app, one at a time: how far it is, and a way to stop it for whoever looks.

Who started it may have loaded the page anew or left: a browser session does not outlive that, so nobody would be left
who could stop it. In an app for the public nobody starts such work, and nobody stops it.
"""

import streamlit as st

from recsys.ui import resources


def progress(share: float, words: str, key: str) -> bool:
    """Shows how far something is; whether somebody asks to stop it.

    Args:
        share: how much of it is done, 0 to 1; what lies outside is cut.
        words: what is under way, as Markdown.
        key: of the button.
    """
    st.progress(min(max(share, 0.0), 1.0), words)
    if resources.SETTINGS.public:
        return False
    return st.button("Stop", icon=":material/stop:", key=key, help="Ends it for everybody; what is finished is kept.")
