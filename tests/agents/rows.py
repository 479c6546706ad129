"""The table of the conformance suite: an agent is a row here, a case a test of `test_conformance`.

A row holds what the suite has to know and cannot see: how the agent is pointed at the scripted
model, and where, by its nature, it ends otherwise than the rest.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ao_actions.agents import Outcome, Program
from ao_actions.modelserver import Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One agent.

    `credential` is the secret that it gets, and `base` what its base URL has behind the server's
    address. `environment` is handed over besides; `{url}` in a value is the server's address.

    `limit`: the limit that ends it for good, `until`: whether it says when that ends, and
    `proven`: whether it says so in more than text.
    `unauthorised`: what it says of a wrong key. `unknown_session`: the id of none.
    `stand_in`: the program to run in place of one that cannot be installed.

    `shell`, `resumes`: whether it has a tool for commands, and sessions. `goes_on`: whether it asks
    the model again after an edit that it could make. `tokens`: whether it says what it used.
    `garbage`: how it ends on an answer that is none.
    `failing`: how a good run counts whose program ends with 1; `cut`: and one whose output ends in
    the middle of its last line. `hang`: seconds in which it has surely asked the model something.
    """

    name: str
    credential: str
    base: str = ""
    model: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    limit: Limit = field(default_factory=lambda: Limit("usage"))
    until: bool = False
    proven: bool = True
    unauthorised: str
    unknown_session: str = "00000000-0000-4000-8000-000000000000"
    stand_in: Program = ()
    shell: bool = True
    goes_on: bool = True
    resumes: bool = True
    tokens: bool = True
    garbage: Outcome = Outcome.ERROR
    failing: Outcome = Outcome.DONE
    cut: Outcome = Outcome.ERROR
    hang: int = 12


ROWS = (
    Row(
        name="claude-code",
        credential="CLAUDE_CODE_OAUTH_TOKEN",
        until=True,
        unauthorised="Failed to authenticate",
    ),
    Row(
        name="codex",
        credential="OPENAI_API_KEY",
        base="/v1",
        until=True,
        unauthorised="does the secret OPENAI_API_KEY hold a valid key?",
    ),
    Row(
        name="copilot",
        credential="OPENAI_API_KEY",
        base="/v1",
        model="gpt-5.5",
        # a limit without this header it tries to get over for a minute
        limit=Limit("rate", retry_after=3600),
        until=True,
        unauthorised="does the secret OPENAI_API_KEY hold a valid key?",
        hang=15,
    ),
    Row(
        name="cursor",
        credential="CURSOR_API_KEY",
        environment={"STAND_IN_URL": "{url}"},
        proven=False,
        unauthorised="The API key is invalid; does the secret CURSOR_API_KEY hold a valid key?",
        stand_in=(sys.executable, str(Path(__file__).with_name("cursor_stand_in.py"))),
        resumes=False,
        tokens=False,
    ),
    Row(
        name="gemini",
        credential="GEMINI_API_KEY",
        unauthorised="is wrong; does the secret GEMINI_API_KEY hold a valid key?",
    ),
    Row(
        name="kimi",
        credential="MOONSHOT_API_KEY",
        base="/v1",
        unauthorised="is wrong; does the secret MOONSHOT_API_KEY hold a valid key?",
        unknown_session="session_00000000-0000-4000-8000-000000000000",
    ),
    Row(
        name="opencode",
        credential="ANTHROPIC_API_KEY",
        model="scripted-model",
        limit=Limit("usage", retry_after=0),
        until=True,
        unauthorised="does the secret ANTHROPIC_API_KEY hold a valid key?",
        unknown_session="ses_000000000000000000000000",
        hang=15,
    ),
    Row(
        name="aider",
        credential="OPENAI_API_KEY",
        base="/v1",
        model="scripted-model",
        until=True,
        unauthorised="does the secret OPENAI_API_KEY hold a valid key?",
        shell=False,
        goes_on=False,
        cut=Outcome.DONE,
        hang=12,
    ),
)

# The same agents by other ways: a model or a provider with another wire or other tools.
_BY_NAME = {row.name: row for row in ROWS}
WAYS = (
    replace(_BY_NAME["codex"], model="gpt-5.5"),
    replace(_BY_NAME["copilot"], credential="ANTHROPIC_API_KEY", base="", model="claude-sonnet-4"),
)
