"""People corrected by hand after a run, and their streams rendered again without any network."""
