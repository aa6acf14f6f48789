"""The second port: metrics, health and pages, read only."""
