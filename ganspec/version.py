"""The version of ganspec."""

VERSION = "0.1.0"
