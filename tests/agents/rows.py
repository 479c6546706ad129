"""The table of the conformance suite: an agent is a row here, a case a test of `test_conformance`.

A row holds what the suite has to know and cannot see: how the agent is pointed at the scripted
model, and where, by its nature, it ends otherwise than the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ao_actions.agents import Outcome, Program
from ao_actions.modelserver import Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One agent.

    `credential` is the secret that it gets, and `base` what its base URL has behind the server's
    address. `environment` is handed over besides; `{url}` in a value is the server's address.

    `limit`: the limit that ends it for good, and `until`: whether it says when that ends.
    `unauthorised`: what it says of a wrong key. `unknown_session`: the id of none.
    `stand_in`: the program to run in place of one that cannot be installed.

    `shell`, `resumes`: whether it has a tool for commands, and sessions. `tokens`: whether it says
    what it used. `garbage`: how it ends on an answer that is none.
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
    unauthorised: str
    unknown_session: str = "00000000-0000-4000-8000-000000000000"
    stand_in: Program = ()
    shell: bool = True
    resumes: bool = True
    tokens: bool = True
    garbage: Outcome = Outcome.ERROR
    failing: Outcome = Outcome.DONE
    cut: Outcome = Outcome.ERROR
    hang: int = 8


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
        model="gpt-5.5",
        until=True,
        unauthorised="does the secret OPENAI_API_KEY hold a valid key?",
    ),
)
