"""Intervals and stopping rules: pure Python, exact where the question is finite."""
