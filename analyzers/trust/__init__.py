"""Whether an evaluation may be believed: models that deceive it, and what gives them away."""
