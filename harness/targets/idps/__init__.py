"""IdPs of somebody else's making in the place of the stand-in: an adapter a package or file."""
