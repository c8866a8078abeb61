"""The system `gan`: a generator and a discriminator."""
