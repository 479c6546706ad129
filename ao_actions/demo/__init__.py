"""The whole factory in one command, on the local GitHub: no account, no token, no Docker.

The repository, its CI, the workflows, act, git and the API traffic are real; the agent and the
maintainer are scripted programs, and the output says so.
"""
