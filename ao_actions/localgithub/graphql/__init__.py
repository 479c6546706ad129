"""GitHub's GraphQL API over the pruned schema of GitHub."""

from __future__ import annotations

from ao_actions.localgithub.graphql.execution import answer, operations

__all__ = ["answer", "operations"]
