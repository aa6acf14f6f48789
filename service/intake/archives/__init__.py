"""Zips that were checked whole before anything in them is read. For locked children."""
