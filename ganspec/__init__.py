"""ganspec: a compiler for GAN specs."""
