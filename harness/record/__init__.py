"""What a run leaves: samples, journal, run directory; and how it is read back."""
