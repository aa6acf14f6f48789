"""Everything that is kept: the tables behind a service, its queue with leases, and its blobs."""
