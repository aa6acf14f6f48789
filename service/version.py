"""The version that everything names itself by."""

VERSION = "0.1.0"
CANONICALISER = "3"
"""Part of the key under which conversions are remembered; raise it when the form changes."""
