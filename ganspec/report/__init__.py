"""What a person looks at: plots, tables and pages."""
