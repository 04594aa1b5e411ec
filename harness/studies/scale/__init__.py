"""What happens at a scale no laptop has: millions of sessions and thousands of gateways, simulated; no run is made."""
