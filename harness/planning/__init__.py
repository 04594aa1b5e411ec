"""Before anything starts: experiments out of settings, the plan of arrivals, and how many samples it gives."""
