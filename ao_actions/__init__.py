"""A PR factory that lives in GitHub Actions."""

__version__ = "0.1.0"
