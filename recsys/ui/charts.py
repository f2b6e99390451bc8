"""The charts beside the lists: one look for all."""

import plotly.graph_objects as go
import streamlit as st


def draw(figure: go.Figure, key: str, x: str, y: str, height: int = 300, y_format: str = "", **more):
    """Draws a chart of lines, its legend above it.

    Args:
        figure: the lines.
        key: the chart's name on its page.
        x, y: titles of the axes, with units.
        height: in pixels.
        y_format: of the ticks, as in d3-format.
        **more: of `st.plotly_chart`, such as `on_select`.

    Returns:
        What `st.plotly_chart` does.
    """
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        xaxis_title=x,
        yaxis_title=y,
        yaxis_tickformat=y_format,
        legend={"orientation": "h", "y": 1.14},
        uirevision=key,
    )
    return st.plotly_chart(figure, key=key, config={"displayModeBar": False}, **more)
