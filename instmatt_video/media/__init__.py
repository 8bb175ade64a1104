"""Frames in, alpha streams out: sources, colour policy, writers and their verification."""
