"""aider, headless: one message, edits as text, and its words on what it did as JSON records.

It offers the model no tools, ends with 0 whatever happened and prints its errors among the
model's words. So it is started by some lines of ours, which tell what they see on standard error,
where the model has no say (docs/agents.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ao_actions.agents.base import (
    About,
    Assignment,
    Exit,
    Outcome,
    Program,
    Result,
    Usage,
    last_line,
    message,
    sentence,
)
from ao_actions.agents.install import PINS, PythonPackage, install
from ao_actions.agents.records import (
    Record,
    Refusal,
    Verdict,
    count,
    finished,
    mapping,
    objects,
    refused,
    unfinished,
)
from ao_actions.agents.report import EVIDENCE, is_amount, read_report

PIN = PythonPackage(
    agent="aider",
    version="0.86.2",
    program="bin/aider",
    lock=PINS / "aider.txt",
    python=(3, 13),
)

FOLDER = "aider"  # below the scratch directory
SESSION = "chat"  # it has no ids; a chat is a file
TURNS = 20  # answers of the model, if no number is given; by itself it would stop after 4
RETRIES = 4  # the longest wait before a request is sent again, in seconds; 8 in all

# Its arguments: the file of the chat, "resume" or "begin", the folder of its cache, turns,
# seconds; then aider's own. Its retries are a constant of a minute, and its cache would lie in the
# checkout as a part of the work. Without a key it would wait for somebody to log in.
LAUNCHER = """\
import json, os, runpy, sys

chat, how, cache, turns, retries = sys.argv[1:6]
del sys.argv[1:6]

def tell(**record):
    print(json.dumps(record), file=sys.stderr, flush=True)

if how == "resume" and not os.path.isfile(chat):
    tell(event="no session")
    sys.exit(1)
if how == "begin" and os.path.exists(chat):
    os.unlink(chat)

try:
    from aider import onboarding
    from aider.coders import base_coder
    from aider.coders.base_coder import Coder
    from aider.exceptions import LiteLLMExceptions
    from aider.repomap import RepoMap
except ImportError:  # another program: it speaks for itself
    runpy.run_path(sys.argv[1], run_name="__main__")
    sys.exit()

def run_one(self, *args, usual=Coder.run_one, **more):
    usual(self, *args, **more)
    tell(event="end", more=bool(self.reflected_message))

def send_message(self, said, usual=Coder.send_message):
    tell(event="asked")
    return usual(self, said)

def show_usage_report(self, usual=Coder.show_usage_report):
    if self.usage_report:
        tell(event="answered", text=self.partial_response_content, usd=self.message_cost,
             input_tokens=self.message_tokens_sent, output_tokens=self.message_tokens_received)
    return usual(self)

def show_exhausted_error(self, usual=Coder.show_exhausted_error):
    tell(event="exhausted")
    return usual(self)

def get_ex_info(self, error, usual=LiteLLMExceptions.get_ex_info):
    headers = getattr(error, "litellm_response_headers", None) or {}
    tell(event="error", name=type(error).__name__, message=str(error),
         status=getattr(error, "status_code", None), headers={**headers})
    return usual(self, error)

for replaced in (run_one, send_message, show_usage_report, show_exhausted_error):
    setattr(Coder, replaced.__name__, replaced)
LiteLLMExceptions.get_ex_info = get_ex_info
Coder.max_reflections = int(turns) - 1
RepoMap.TAGS_CACHE_DIR = cache
base_coder.RETRY_TIMEOUT = int(retries)
onboarding.offer_openrouter_oauth = lambda *_: False
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

FLAGS = (
    "--edit-format=diff",  # for a model that it does not know it would be `whole` files
    "--yes-always",
    "--no-auto-commits",
    "--no-dirty-commits",
    "--no-auto-lint",
    "--no-suggest-shell-commands",  # it would run none of them: --yes-always is no to those
    "--no-detect-urls",
    "--no-gitignore",
    "--no-stream",
    "--no-pretty",
    "--no-fancy-input",
    "--no-check-update",
    "--no-show-model-warnings",
    "--no-show-release-notes",
    "--analytics-disable",
    "--disable-playwright",
    "--max-chat-history-tokens=32768",  # beyond that a resumed chat is summed up by the model
)

SETTINGS = {
    "BROWSER": "true",  # it opens pages about its errors
    "COLUMNS": "1000",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    # It writes a name of its own making into the checkout's settings if there is none.
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "user.name",
    "GIT_CONFIG_VALUE_0": PIN.agent,
    "GIT_CONFIG_KEY_1": "user.email",
    "GIT_CONFIG_VALUE_1": "aider@localhost",
}

FILES = {
    # The library below it tries again by itself, and obeys a `retry-after` of hours.
    f"{FOLDER}/models.yml": "- name: aider/extra_params\n  extra_params:\n    max_retries: 0\n",
    # For a model that it does not know it asks the network for a list of prices, every time.
    "home/.aider/caches/model_prices_and_context_window.json": '{"none": {}}',
}

# Where the base URL of a provider belongs; it appends `/v1/messages` to Anthropic's.
# As options, for a repository's .env or .aider.conf.yml would override the environment.
BASES = {
    "anthropic": ("--set-env=ANTHROPIC_API_BASE=", "--set-env=ANTHROPIC_BASE_URL="),
    "openai": ("--openai-api-base=", "--set-env=OPENAI_BASE_URL="),
}


class Aider:
    """One row in the table of agents."""

    name = PIN.agent
    about = About(
        title="aider",
        source="PyPI",
        versions=("0.86.2", "0.86.2"),
        bounds=("turns",),
        note="edits files only: it has no tool for commands",
    )
    version: str | None = PIN.version
    credentials = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")
    secrets: tuple[str, ...] = ()
    reads_brief = False  # but --message-file is the brief
    evidence: Mapping[str, str] = EVIDENCE
    sessions = (f"{FOLDER}/{{session}}.md",)

    def install(self, root: Path, /) -> Program:
        return install(PIN, root)

    def files(self, _assignment: Assignment, /) -> Mapping[str, str]:
        return FILES

    def argv(self, assignment: Assignment, program: Program, /) -> list[str]:
        folder = assignment.scratch / FOLDER
        chat = str(folder / f"{assignment.session or SESSION}.md")
        how = "begin" if assignment.session is None else "resume"
        turns = str(assignment.turns or TURNS)
        ours = [chat, how, str(folder / "tags"), turns, str(RETRIES)]
        argv = [program[0], "-c", LAUNCHER, *ours, *program[1:], *FLAGS, *_model(assignment)]
        if assignment.session is not None:
            argv.append("--restore-chat-history")
        return [
            *argv,
            f"--chat-history-file={chat}",
            f"--input-history-file={folder / 'input'}",
            f"--model-settings-file={folder / 'models.yml'}",
            f"--message-file={assignment.brief}",
        ]

    def environment(self, assignment: Assignment, /) -> dict[str, str]:
        settings = dict(SETTINGS)
        if assignment.endpoint is not None:
            settings[assignment.endpoint.credential] = assignment.endpoint.key
        return settings

    def read(self, assignment: Assignment, end: Exit, /) -> Result:
        records = tuple(objects(end.stderr))
        verdict = _verdict(assignment, end, records)
        report = read_report(end.files.get("report"))
        unknown = any(record.get("event") == "no session" for record in records)
        begun = any(record.get("event") == "asked" for record in records)
        return Result(
            outcome=verdict.outcome,
            detail=sentence("; ".join(filter(None, (verdict.detail, report.note))), limit=600),
            message=report.message or message(_said(records)),
            usage=_usage(records),
            until=verdict.until,
            proven=verdict.proven,
            session=(assignment.session or SESSION) if begun else None,
            session_refused=unknown,
            replies=report.replies,
        )


def _model(assignment: Assignment) -> list[str]:
    """The model, with its provider as a prefix, for the work and for what it does beside it."""
    endpoint, model = assignment.endpoint, assignment.model
    argv = []
    if endpoint is not None and endpoint.url is not None:
        argv += [option + endpoint.url for option in BASES[endpoint.provider]]
    if model is None:
        return argv
    if endpoint is not None and not model.startswith(f"{endpoint.provider}/"):
        model = f"{endpoint.provider}/{model}"
    return [*argv, f"--model={model}", f"--weak-model={model}"]


def _verdict(assignment: Assignment, end: Exit, records: tuple[Record, ...]) -> Verdict:
    """What the last request came to: it was answered, or the errors after it tell why not."""
    last = records[-1] if records else {}
    if last.get("event") != "end":
        return unfinished("aider", assignment, end, why=_last_words(end))
    events = [record.get("event") for record in records]
    if "asked" not in events:
        return Verdict(Outcome.ERROR, "aider asked the model nothing")
    since = records[len(events) - 1 - events[::-1].index("asked") :]
    if "exhausted" in events:
        return Verdict(Outcome.ERROR, "aider met the limit of what the model can read or write")
    if not any(record.get("event") == "answered" for record in since):
        errors = [record for record in since if record.get("event") == "error"]
        refusal = _refusal(errors[-1] if errors else {}, end)
        return refused("aider", assignment, refusal, end.ended)
    if last.get("more"):
        turns = assignment.turns or TURNS
        return Verdict(Outcome.TIMEOUT, f"aider used up its {turns} turns")
    return finished("aider", end)


def _refusal(error: Record, end: Exit) -> Refusal:
    return Refusal(
        said=str(error.get("message") or last_line(end.stdout) or "the model gave no answer"),
        status=error.get("status"),
        headers=mapping(error.get("headers")),
    )


def _last_words(end: Exit) -> str:
    """The last line that is no record, and no address of a manual either."""
    said = (end.stdout + b"\n" + end.stderr).splitlines()
    return last_line(b"\n".join(line for line in said if not line.startswith((b"{", b"https://"))))


def _said(records: Iterable[Record]) -> str:
    """The last answer, without its edits."""
    texts = [record["text"] for record in records if isinstance(record.get("text"), str)]
    return _EDIT.sub("", texts[-1]) if texts else ""


# A block with its fence and the path above it.
_EDIT = re.compile(
    r"^[^\n]*\n(?P<fence>`{3,}|~{3,})[^\n]*\n<{5,9} SEARCH\b.*?^>{5,9} REPLACE\n(?P=fence)\n?",
    re.MULTILINE | re.DOTALL,
)


def _usage(records: Iterable[Record]) -> Usage:
    answers = [record for record in records if record.get("event") == "answered"]
    costs = [answer["usd"] for answer in answers if is_amount(answer.get("usd"))]
    return Usage(
        input_tokens=count(answer.get("input_tokens") for answer in answers),
        output_tokens=count(answer.get("output_tokens") for answer in answers),
        usd=float(sum(costs)) or None,  # a model without a price costs 0
        turns=len(answers) or None,
    )
