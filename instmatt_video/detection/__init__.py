"""Where the people are in a frame: one protocol, several detectors."""
