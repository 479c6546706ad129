"""The factory under load and faults, with real processes: `python -m tests.soak`."""
