"""The system `vae`: a variational autoencoder of images."""
