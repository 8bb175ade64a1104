"""Alphas and source in, everybody's verified stream out, with preview, report and `tracks.txt`."""
