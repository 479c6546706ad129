"""The law: what state a task is in and what is to be done about it.

Pure by contract (import-linter): the standard library only; no clock, network, files,
environment or logging. Time comes in as an argument.
"""
