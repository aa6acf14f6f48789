"""Attacks: where the model stops answering right within a ball around each image."""
