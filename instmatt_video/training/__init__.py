"""Training of the matting network and of the compact detector."""
