"""The gRPC surface: servicers that convert, call and convert, over the port in ``ports``."""
