"""Training of the matting network."""
