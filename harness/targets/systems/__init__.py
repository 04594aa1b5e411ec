"""Systems that were there before the run and stay: described by a file, and had piece by piece."""
