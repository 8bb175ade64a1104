"""Identity tracking: boxes and scores in, track ids out. Knows no video and no networks."""
