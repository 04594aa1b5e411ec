"""Studies: many runs that answer one question. Points are ordinary runs, found again when they were made before."""
