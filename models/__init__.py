"""Networks, losses and checkpoints. Knows torch; knows no files but weights, and no video."""
