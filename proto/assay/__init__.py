"""Generated messages and stubs of the public API."""
