"""What the weights alone say: no image, no forward pass."""
