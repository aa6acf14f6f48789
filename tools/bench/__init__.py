"""Tables of measurements beside the peers; ``python -m tools.bench`` prints them."""
