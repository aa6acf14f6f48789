"""Common corruptions as plain functions of arrays, and what a model makes of them."""
