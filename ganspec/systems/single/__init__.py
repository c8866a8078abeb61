"""Code that systems with one criterion and one optimizer share; it is no system itself."""
