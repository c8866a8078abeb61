"""Measured scores as text and plots, next to the claims of the spec."""
