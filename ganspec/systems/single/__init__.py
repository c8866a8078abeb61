"""Parts of systems that one criterion trains under one optimizer."""
