"""A GAN: two networks against each other."""
