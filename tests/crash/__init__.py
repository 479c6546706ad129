"""Crash points: a task's whole life, with a program killed at each write that GitHub gets."""
