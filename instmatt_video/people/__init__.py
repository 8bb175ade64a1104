"""Who is who: people found and followed, their masks, and what the whole clip tells of them."""
