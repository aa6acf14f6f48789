"""The demo: a picture set drawn from formulas and two small nets trained on it."""
