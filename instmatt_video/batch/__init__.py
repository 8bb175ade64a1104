"""Many clips in one command: on this machine's processes, in shards of a farm, or on a cluster."""
