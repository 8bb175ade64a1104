"""A frame and its people's masks in, everybody's alpha out: crops, networks, edges, colour."""
