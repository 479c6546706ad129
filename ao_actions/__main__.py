"""`python -m ao_actions` is `ao-actions`."""

from ao_actions.cli import main

main()
