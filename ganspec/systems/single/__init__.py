"""What systems of one network share."""
