"""What is seen: the only part of `recsys` that may import streamlit.

`palette` and `covers` are plain Python: colours, and drawn covers for films that have no poster. `shelf` is the list
of cards that every page uses, one component that draws, animates and re-orders in the browser.
"""
