"""From samples to judgements. Pure."""
