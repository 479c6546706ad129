"""The facts, each looked up when a check first asks and then kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ao_actions import config as configuration
from ao_actions.config import Config
from ao_actions.errors import AoError, ConfigError
from ao_actions.forge.client import Client
from ao_actions.ledger import Ledger
from ao_actions.setup.doctor import files
from ao_actions.setup.doctor.files import WorkflowFile
from ao_actions.setup.workflows import FOLDER

WORK = f"{FOLDER}/ao-work.yml"  # the workflow whose jobs are given secrets
_FILES = """
query Files($owner: String!, $name: String!, $workflows: String!, $config: String!) {
  repository(owner: $owner, name: $name) {
    workflows: object(expression: $workflows) {
      ... on Tree { entries { name object { ... on Blob { text } } } } }
    config: object(expression: $config) { ... on Blob { text } } } }
"""


class UnseenError(AoError):
    """This token may not see a fact (403), or GitHub hides it from the token (404)."""


@dataclass
class Context:
    """One repository, seen with one token. `root` is its clone, where there is one."""

    client: Client
    ledger: Ledger
    root: Path | None = None
    install: bool = False
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    _seen: dict[str, Any] = field(default_factory=dict)

    # ---- asking ----------------------------------------------------------------------------

    def look(self, path: str) -> Any:
        """The JSON at a path.

        :raises UnseenError: 403 or 404
        """
        found = self.find(path)
        if found is None:
            raise UnseenError(path)
        return found

    def find(self, path: str) -> Any | None:
        """The JSON at a path; None for 403 and 404."""
        if path not in self._seen:
            status, body = self.client.request("GET", path, accept=(403, 404))
            self._seen[path] = body if status < 400 else None
        return self._seen[path]

    def listed(self, path: str, key: str) -> list[Any]:
        """All items of a list; see `look`."""
        slot = f"{path}#{key}"
        if slot not in self._seen:
            self.look(f"{path}?per_page=1")
            self._seen[slot] = self.client.pages(path, key)
        items: list[Any] = self._seen[slot]
        return items

    # ---- the repository --------------------------------------------------------------------

    @cached_property
    def repository(self) -> Any:
        """:raises NotFoundError: there is no such repository, for this token"""
        return self.client.get("")

    @property
    def default_branch(self) -> str:
        return str(self.repository["default_branch"])

    @property
    def owner(self) -> str:
        return self.client.repository.split("/", 1)[0]

    @property
    def settings(self) -> str:
        """Where a human changes the repository's settings."""
        return f"{self.client.address.server}/{self.client.repository}/settings"

    @cached_property
    def enterprise_server(self) -> str | None:
        """The version of a GitHub Enterprise Server; None on github.com."""
        version = str((self.find("/meta") or {}).get("installed_version") or "")
        return version if version[:1].isdigit() else None

    # ---- its files, on the default branch ---------------------------------------------------

    @cached_property
    def _tree(self) -> tuple[dict[str, str], str | None]:
        owner, name = self.client.repository.split("/")
        branch = self.default_branch
        data, _ = self.client.graphql(
            _FILES,
            {
                "owner": owner,
                "name": name,
                "workflows": f"{branch}:{FOLDER}",
                "config": f"{branch}:{configuration.PATH}",
            },
        )
        found = data["repository"]
        texts = {
            f"{FOLDER}/{entry['name']}": (entry.get("object") or {}).get("text") or ""
            for entry in (found["workflows"] or {}).get("entries") or []
            if entry["name"].endswith((".yml", ".yaml"))
        }
        return texts, (found["config"] or {}).get("text")

    @property
    def texts(self) -> dict[str, str]:
        """Path to text of each workflow."""
        return self._tree[0]

    @cached_property
    def workflows(self) -> list[WorkflowFile]:
        return [files.parse(path, text) for path, text in sorted(self.texts.items())]

    @property
    def ours(self) -> list[WorkflowFile]:
        return [file for file in self.workflows if file.ours]

    @property
    def theirs(self) -> list[WorkflowFile]:
        return [file for file in self.workflows if not file.ours]

    @property
    def deployed_config(self) -> str | None:
        """The text of ao.yml that the workflows read."""
        return self._tree[1]

    @property
    def local_config(self) -> str | None:
        """The text of the clone's ao.yml."""
        if self.root is None:
            return None
        try:
            return (self.root / configuration.PATH).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    @cached_property
    def config(self) -> Config:
        """What is configured: on the default branch, else in the clone.

        :raises ConfigError: nowhere, or it has problems
        """
        text = self.deployed_config or self.local_config
        if text is None:
            raise ConfigError(f"{configuration.PATH} is not on {self.default_branch}")
        return configuration.parse(text)

    # ---- what GitHub knows about workflows ----------------------------------------------------

    @cached_property
    def states(self) -> dict[str, Any]:
        """Path to GitHub's record of each workflow."""
        return {each["path"]: each for each in self.listed("actions/workflows", "workflows")}

    # ---- rules -------------------------------------------------------------------------------

    def rules(self, branch: str) -> list[Any]:
        """The active rules of rulesets for a branch of this name."""
        found: list[Any] = self.look(f"rules/branches/{quote(branch)}?per_page=100")
        return found

    @cached_property
    def required_checks(self) -> list[str]:
        """Names of the checks without which nothing is merged into the default branch."""
        branch = self.find(f"branches/{quote(self.default_branch)}") or {}
        classic = (branch.get("protection") or {}).get("required_status_checks") or {}
        names = [str(name) for name in classic.get("contexts") or []]
        for rule in self.rules(self.default_branch):
            if rule["type"] == "required_status_checks":
                wanted = (rule.get("parameters") or {}).get("required_status_checks") or []
                names += [str(each["context"]) for each in wanted]
        return list(dict.fromkeys(names))

    # ---- secrets and variables: names ---------------------------------------------------------

    @cached_property
    def repository_secrets(self) -> set[str]:
        """Those of the repository, and those that its organization shares with it."""
        names = {each["name"] for each in self.listed("actions/secrets", "secrets")}
        shared = self.find("actions/organization-secrets?per_page=100") or {}
        return names | {each["name"] for each in shared.get("secrets") or []}

    def environment_secrets(self, name: str) -> set[str]:
        """Empty where there is no such environment."""
        if self.find(f"environments/{quote(name, safe='')}") is None:
            return set()
        path = f"environments/{quote(name, safe='')}/secrets"
        return {each["name"] for each in self.listed(path, "secrets")}

    @cached_property
    def environments(self) -> list[str]:
        """Names of the environments that our workflows use, or would use if they were there."""
        names = [files.environment_of(job) for file in self.ours for job in file.jobs.values()]
        if not any(file.path == WORK for file in self.ours):
            names.append(self.config.environment)
        return list(dict.fromkeys(name for name in names if name))

    @cached_property
    def secrets(self) -> set[str]:
        """All that our workflows can be given."""
        found = set(self.repository_secrets)
        for name in self.environments:
            found |= self.environment_secrets(name)
        return found

    @cached_property
    def variables(self) -> dict[str, str]:
        shared = self.find("actions/organization-variables?per_page=100") or {}
        own = self.listed("actions/variables", "variables")
        return {each["name"]: each["value"] for each in [*(shared.get("variables") or []), *own]}

    # ---- people ------------------------------------------------------------------------------

    @cached_property
    def login(self) -> str | None:
        """Whose token this is; None for an installation's."""
        if self.client.token.startswith("ghs_"):
            return None
        return (self.find("/user") or {}).get("login")
