"""A client of the IdP, as its users' applications are."""
