"""Six models on their way to a release, each before the real gate in a real git repository."""
