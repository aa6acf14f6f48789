"""Where shards run, behind one interface: submit, events, cancel."""
