"""Diversity: pure functions that pick a varied list from relevance and vectors."""
