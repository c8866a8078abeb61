"""Penalties on the discriminator: one kind, one file."""
