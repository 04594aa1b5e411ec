"""What traffic consists of, one kind a file."""
