"""The system `classifier`: one network, from images to labels."""
