"""The language in other forms than Python: the words of its fields, and a JSON Schema."""
