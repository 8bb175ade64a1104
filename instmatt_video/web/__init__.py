"""Pages that this program serves: who may see them, and the server."""
