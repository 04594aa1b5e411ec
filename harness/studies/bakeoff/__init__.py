"""The bake-off: the same faults, with the same seeds, on each gateway and library; one page of what came of them."""
