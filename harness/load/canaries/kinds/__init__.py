"""One kind of canary a file, or one family: a new file is a new kind."""
