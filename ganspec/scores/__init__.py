"""Measured scores as text and plots, compared with the spec's claims."""
