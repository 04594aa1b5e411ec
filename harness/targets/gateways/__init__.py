"""Real gateways, unmodified, in the place of the stand-ins': one adapter a file."""
