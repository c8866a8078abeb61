"""An autoencoder of images."""
