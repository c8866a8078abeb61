"""Kinds of penalty on the discriminator."""
