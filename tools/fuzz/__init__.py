"""A structure-aware malformed corpus, and a runner that sends it through a real service."""
