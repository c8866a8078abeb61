"""Images from a trained run, and the files that they go into."""
