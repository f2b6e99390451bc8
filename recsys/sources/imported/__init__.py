"""Imported catalogs: somebody's own table, with pictures, interactions, users and vectors where there are any.

tables      reads CSV, Parquet and JSON Lines, whatever the encoding
columns     guesses which column is what, and what people can filter by
archive     reads pictures from a ZIP or a folder, and never extracts any
people      reads interactions, users and vectors
languages   warns where a text encoder does not know a catalog's language
check       puts all of it together, and tells what would come of it
source      keeps what was brought, and gives it to builds as a `Source`
"""
