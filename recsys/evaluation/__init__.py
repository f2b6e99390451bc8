"""Evaluation: how good a list is, and how varied, in numbers."""
