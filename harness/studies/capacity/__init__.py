"""How much a system bears: the highest rate that still meets its objectives, and what ran out beyond it."""
