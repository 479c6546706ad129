"""GitHub: the only package that speaks its API (and imports PyGithub).

`client` asks, `observe` reads into the core's frozen records, `act` performs effects. No
object of PyGithub leaves this package.
"""
