"""Matte and tracking metrics on plain arrays. Knows numpy and scipy; knows no files."""
