"""Tastespace: run with `streamlit run app.py`."""

import streamlit as st

from recsys.ui import frame

st.set_page_config(page_title="Tastespace", page_icon=str(frame.ICON), layout="wide", menu_items={"About": frame.ABOUT})

frame.run(
    st.navigation(
        [
            st.Page("pages/home.py", title="Home", icon=":material/home:", default=True),
            st.Page("pages/recommend.py", title="Recommend", icon=":material/explore:"),
            st.Page("pages/map.py", title="Map", icon=":material/scatter_plot:"),
            st.Page("pages/cold_start.py", title="Cold start", icon=":material/ac_unit:"),
            st.Page("pages/diversity.py", title="Diversity", icon=":material/palette:"),
            st.Page("pages/models.py", title="Models", icon=":material/leaderboard:"),
            st.Page("pages/retrieval.py", title="Retrieval", icon=":material/radar:"),
            st.Page("pages/funnel.py", title="Funnel", icon=":material/filter_alt:"),
            st.Page("pages/catalogs.py", title="Catalogs", icon=":material/inventory_2:"),
        ],
        position="top",
    )
)
