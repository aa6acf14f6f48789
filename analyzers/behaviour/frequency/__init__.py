"""Which spatial frequencies a model listens to: spectra, waves, what runs, what is told."""
