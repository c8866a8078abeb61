"""Parts of systems that are trained by one criterion, under one optimizer."""
