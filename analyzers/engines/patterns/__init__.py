"""Patterns of steps that torch knows as one operator, each in a file of its own."""
