"""The editor's schema says what `config.parse` says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ao_actions.config import parse
from ao_actions.errors import ConfigError
from ao_actions.keys import KEYS
from ao_actions.setup.schema import schema

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", (DOCS / "config.md").read_text(), re.DOTALL)
WRONG: dict[str, list[Any]] = {
    "agents": [[], [{"name": "command"}], [{"name": "claude-code", "x": 1}], 1],
    "verify": [1, [""], {}],
    "rules": [1, []],
    "protected": [[1], {"refused": []}, {"label": [1]}],
    "max_changed_files": [0, 3001, "1"],
    "max_changed_lines": [0, 1.5],
    "turns": [0],
    "minutes": [331, "45m"],
    "max_parallel": [0, 101],
    "budget": [
        5,
        {"usd": 1},
        {"attempts": 51},
        {"usd_per_attempt": "5"},
        {"usd_per_task": 10_001},
        {"usd_per_day": 0},
    ],
    "bots": [1, [""]],
    "overlap": ["sometimes", True],
    "auth": ["none"],
    "ci_trust": ["yes", True],
    "agent_auth": ["token"],
    "environment": [1, None],
    "runtime": ["root", {"network": "bridge"}, {"docker": 5}, {"egress": 5}],
    "sessions": ["sometimes", True],
    "schedule": ["", 1],
    "ci_workflows": [[""]],
    "runner": [""],
    "small_runner": [1],
    "label_prefix": [""],
    "branch_prefix": [1],
    "overrides": [[], {"ao-work.yml": 1}],
}


def valid(value: Any) -> bool:
    return bool(jsonschema.Draft7Validator(json.loads(schema())).is_valid(value))


def test_it_is_a_schema_for_every_key() -> None:
    document = json.loads(schema())
    jsonschema.Draft7Validator.check_schema(document)
    assert list(document["properties"]) == list(KEYS)
    assert list(WRONG) == list(KEYS)
    assert "://" not in schema().replace(document["$schema"], "")


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_of_the_docs_pass(text: str) -> None:
    if "- name: claude-code" in text or "overrides" in text or text.count("\n") < 8:
        parse(text)
        assert valid(yaml.safe_load(text))


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, vs in WRONG.items() for v in vs])
def test_what_one_refuses_the_other_refuses(key: str, value: Any) -> None:
    assert not valid({key: value})
    with pytest.raises(ConfigError):
        parse(json.dumps({key: value}))


def test_an_unknown_key_or_agent_and_an_empty_file() -> None:
    assert not valid({"agents": ["nobody"]})
    assert not valid({"max_paralel": 2})
    assert valid(None)
