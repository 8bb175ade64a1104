"""Evaluation of mattes and tracks on disk: readers, the commands' functions, reports."""
