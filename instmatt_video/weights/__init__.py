"""The networks' weights: what there is, where it lies, and whether it is whole.

The embedded weights lie in this folder; others in the cache. Nothing is fetched but by `fetch`.
"""

from __future__ import annotations
