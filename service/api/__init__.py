"""What the surface asks of the service: one file for each kind of thing it asks about."""
