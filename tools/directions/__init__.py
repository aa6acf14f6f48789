"""Which way the lenses point: one architecture, trained with and without attacks."""
