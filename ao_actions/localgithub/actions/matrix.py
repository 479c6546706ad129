"""`strategy.matrix` expanded into its legs (docs, "Running variations of jobs")."""

from __future__ import annotations

import itertools
from typing import Any

from ao_actions.localgithub.actions.expressions import ExpressionError
from ao_actions.localgithub.actions.values import to_string

Leg = dict[str, Any]
MAX_LEGS = 256


def expand(matrix: Any) -> list[Leg]:
    """The legs in GitHub's order. `matrix` is evaluated already; None is one leg, without."""
    if matrix is None:
        return [{}]
    if not isinstance(matrix, dict):
        raise ExpressionError("Matrix must be a mapping")
    axes = {key: value for key, value in matrix.items() if key not in {"include", "exclude"}}
    for key, values in axes.items():
        if not isinstance(values, list) or not values:
            raise ExpressionError(f"Matrix vector '{key}' does not contain any values")
    legs: list[Leg] = []
    if axes:
        legs = [
            dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())
        ]
    excluded = matrix.get("exclude") or []
    legs = [leg for leg in legs if not any(_agrees(leg, rule) for rule in excluded)]
    _include(legs, matrix.get("include") or [], set(axes))
    if not legs:
        raise ExpressionError("Matrix does not contain any legs")
    if len(legs) > MAX_LEGS:
        raise ExpressionError(f"Matrix has more than {MAX_LEGS} legs")
    return legs


def _agrees(leg: Leg, rule: Leg) -> bool:
    return all(leg.get(key) == value for key, value in rule.items())


def _include(legs: list[Leg], rules: list[Leg], axes: set[str]) -> None:
    """Adds to each leg that agrees in the axes; what fits none becomes a leg of its own."""
    original = list(legs)
    for rule in rules:
        fixed = {key: value for key, value in rule.items() if key in axes}
        hosts = [leg for leg in original if _agrees(leg, fixed)]
        for leg in hosts:
            leg.update(rule)
        if not hosts:
            legs.append(dict(rule))


def suffix(leg: Leg) -> str:
    """How GitHub names a leg whose job has no `name:` of its own: ` (a, b)`."""
    values = [to_string(v) for v in leg.values() if not isinstance(v, dict | list)]
    return f" ({', '.join(values)})" if values else ""
