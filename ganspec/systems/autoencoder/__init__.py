"""The system `autoencoder`: one network that restores images."""
