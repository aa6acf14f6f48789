"""Pages: one evidence file in, one self-contained report out. Nothing else makes pages."""
