"""GitHub's REST API: one file per resource, each adding rows to the table of routes."""

from __future__ import annotations

import importlib
import pkgutil

from ao_actions.localgithub.rest.routing import ROUTES


def load() -> None:
    """Imports every module of this package: each adds its routes.

    A route that ends in `{name+}` would swallow what is longer, so such rows are tried last.
    """
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    for rows in ROUTES.values():
        rows.sort(key=lambda row: row.template.endswith("+}"))
