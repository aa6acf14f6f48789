"""Witnesses as files: the pictures that broke a model, so that anybody can show it again."""
