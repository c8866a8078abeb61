"""From a network in memory, or a printed table of one, back to a spec."""
