"""The command line: verbs over the client, and those that need no service at all."""
