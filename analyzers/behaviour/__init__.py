"""How the model behaves on images: clean, shifted, and looked at from inside."""
