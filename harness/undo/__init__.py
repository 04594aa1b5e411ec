"""What must be undone whatever happens: the ledger that promises it, the guardian that keeps the promise."""
