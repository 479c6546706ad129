"""One attempt, in the `agent` job: a checkout, a brief, an agent, a hand-off.

It holds a read-only token, starts only after its claim was checked, and whatever happens it
leaves a hand-off for the `publish` job (design 6).
"""
