"""Which lifetimes to choose: what each costs, risks and survives, and what a constraint costs."""
