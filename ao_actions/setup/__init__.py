"""Puts the factory into a repository: configuration, workflows, labels."""
