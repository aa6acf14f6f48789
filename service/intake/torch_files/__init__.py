"""What torch writes, read without running any of it. For locked children."""
