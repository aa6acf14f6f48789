"""The service around the science: who asked, what runs where, what is kept, what is shown."""
