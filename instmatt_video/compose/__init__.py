"""Finished streams put together again, over any background, by filter graphs of FFmpeg."""
