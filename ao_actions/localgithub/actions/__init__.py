"""GitHub Actions on loopback: the repository's own workflow files, run by `act` in host mode.

act runs one job per process. Everything that GitHub does around a job (triggers, `needs`,
`if:`, permissions, concurrency, cancellation, re-runs) is done here.
"""
