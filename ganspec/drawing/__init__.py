"""What `ganspec sample` draws from a run, and the files that it goes into."""
