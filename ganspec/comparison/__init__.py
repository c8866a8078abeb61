"""`ganspec diff`, which compares two specs, and `ganspec compare`, which tabulates several."""
