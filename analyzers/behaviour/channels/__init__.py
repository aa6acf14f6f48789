"""Which channels turn under attack: what the head reads, on clean pictures and on attacked ones."""
