"""The open loop: due times, the wire, the recorder, the child process."""
