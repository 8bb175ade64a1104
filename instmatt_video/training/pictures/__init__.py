"""Pictures that networks learn from: where they are, and how they are composed and spoiled."""
