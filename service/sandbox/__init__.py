"""Where untrusted bytes are opened: supervisor, zygote, child, and the frames between them."""
