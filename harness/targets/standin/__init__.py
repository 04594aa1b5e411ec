"""The stand-in identity system as a target: on local processes, and on Docker."""
