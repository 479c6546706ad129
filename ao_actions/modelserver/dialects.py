"""`Edit` and `Run` in the tools that a request offers, so that one script drives every agent.

Names: what claude-code, codex, opencode, gemini, copilot and kimi-code offered when they were
measured. Names of inputs are read off the tool's own schema first, so a new agent often needs no
row. aider offers no tools: it reads edits from the text, as SEARCH/REPLACE blocks.
"""

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ao_actions.modelserver.script import Answer, Block, Edit, Run, Say, Use
from ao_actions.modelserver.wire import Request, Spoken, Tool

# A tool's name, in lower case without separators -> what it does: the role of each input and its
# name where no schema tells. The first row that is offered and can do it is taken.
DIALECTS: Mapping[str, Mapping[str, str]] = {
    "write": {"path": "file_path", "content": "content"},
    "writefile": {"path": "file_path", "content": "content"},
    "create": {"path": "path", "content": "file_text"},
    "createfile": {"path": "path", "content": "content"},
    "bash": {"command": "command"},  # copilot's, whose patches add no file that exists
    "applypatch": {"patch": "input"},
    "execcommand": {"command": "cmd"},
    "shellcommand": {"command": "command"},
    "shell": {"command": "command"},
    "runshellcommand": {"command": "command"},
    "exec": {"command": "script"},
}

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "path": ("file_path", "filePath", "path"),
    "content": ("content", "file_text", "contents"),
    "command": ("command", "cmd"),
    "patch": ("input", "patch"),
}

DIRECTORY = re.compile(
    r"working (?:in the )?directory(?: is)?:?\s*[`\"']?(/[^\s`\"'<]+)|<cwd>(/[^<]+)</cwd>",
    re.IGNORECASE,
)


def wants_blocks(request: Request) -> bool:
    """Whether a request without tools reads edits from the text (aider)."""
    return "SEARCH/REPLACE" in request.text


def speak(answer: Answer, request: Request, tools: tuple[Tool, ...], cwd: Path | None) -> Spoken:
    """The answer in the tools of this request; `cwd` is known, or found in the conversation."""
    conversation = request.text
    if not tools:
        return Spoken(tuple(_in_words(block, conversation) for block in answer.blocks), answer)
    found = DIRECTORY.search(conversation)
    told = (found[1] or found[2]).rstrip(".,") if found else None
    directory = str(cwd) if cwd else told
    return Spoken(tuple(_translated(block, tools, directory) for block in answer.blocks), answer)


def _translated(block: Block, tools: Iterable[Tool], directory: str | None) -> Say | Use:
    match block:
        case Edit():
            return _edit(block, tools, directory)
        case Run(command=command):
            tool = _offered(tools, "command")
            if tool is None:
                return Say(f"I was offered no tool that could run: {command}")
            return _run(command, tool)
        case _:
            return block


def _run(command: str, tool: Tool) -> Use:
    if tool.freeform:  # a script in JavaScript, which calls the real tools (codex)
        call = f"await tools.exec_command({json.dumps({'cmd': command})})"
        return Use(tool.name, f"text(({call}).output)")
    return Use(tool.name, _input(tool, {"command": command}))


def _edit(edit: Edit, tools: Iterable[Tool], directory: str | None) -> Say | Use:
    tool = _offered(tools, "path", "patch", "command")
    if tool is None:
        return Say(f"I was offered no tool that could write: {edit.path}")
    role = next(iter(DIALECTS[_row(tool)]))
    if role == "path":
        path = _where(edit.path, tool, directory)
        return Use(tool.name, _input(tool, {"path": path, "content": edit.content}))
    if role == "command":
        return _run(_written_by_shell(edit), tool)
    added = "".join(f"+{line}\n" for line in edit.content.removesuffix("\n").split("\n"))
    patch = f"*** Begin Patch\n*** Add File: {edit.path}\n{added}*** End Patch\n"
    return Use(tool.name, patch if tool.freeform else _input(tool, {"patch": patch}))


def _written_by_shell(edit: Edit) -> str:
    # Not a here-document: this is exact for every content, without a final line end too.
    folder, path = shlex.quote(str(PurePosixPath(edit.path).parent)), shlex.quote(edit.path)
    return f"mkdir -p {folder} && printf %s {shlex.quote(edit.content)} > {path}"


def _offered(tools: Iterable[Tool], *roles: str) -> Tool | None:
    by_name = {_row(tool): tool for tool in tools}
    able = (name for name, inputs in DIALECTS.items() if not inputs.keys().isdisjoint(roles))
    return next((by_name[name] for name in able if name in by_name), None)


def _row(tool: Tool) -> str:
    return re.sub("[_-]", "", tool.name).lower()


def _property(tool: Tool, role: str) -> str:
    named = (name for name in SYNONYMS[role] if name in tool.properties)
    return next(named, DIALECTS[_row(tool)][role])


def _input(tool: Tool, values: Mapping[str, str]) -> dict[str, Any]:
    """What the tool takes: these values by role, and something for whatever else it requires."""
    given: dict[str, Any] = {_property(tool, role): value for role, value in values.items()}
    for name, value in given.items():
        if str(tool.properties.get(name, {}).get("type")).lower() == "array":
            given[name] = ["bash", "-lc", value]
    missing = [name for name in tool.schema.get("required", ()) if name not in given]
    return {**given, **{name: _filler(tool.properties.get(name, {})) for name in missing}}


def _filler(schema: Mapping[str, Any]) -> Any:
    if "default" in schema or schema.get("enum"):
        return schema["default"] if "default" in schema else schema["enum"][0]
    fillers: Mapping[str, Any] = {
        "boolean": False,
        # Most likely a time limit, of seconds or milliseconds.
        "integer": min(10_000, schema.get("maximum", 10_000)),
        "number": min(10_000, schema.get("maximum", 10_000)),
        "array": [],
        "object": {},
    }
    return fillers.get(str(schema.get("type")).lower(), "a scripted step")


def _where(path: str, tool: Tool, directory: str | None) -> str:
    """The path, absolute where the tool demands it and the directory is known."""
    told = tool.properties.get(_property(tool, "path"), {}).get("description", "")
    if directory and "absolute" in f"{tool.description} {told}".lower():
        return str(PurePosixPath(directory) / path)
    return path


def _in_words(block: Block, conversation: str) -> Say:
    match block:
        case Say():
            return block
        case Edit():
            return Say(_search_replace(block, conversation))
        case Run(command=command):
            return Say(f"I cannot run commands here: {command}")
        case Use(tool=tool):
            return Say(f"I cannot use tools here: {tool}")


def _search_replace(edit: Edit, conversation: str) -> str:
    """A block that replaces the file as the conversation shows it, or makes a new one."""
    path = re.escape(edit.path)
    shown = re.findall(
        rf"^{path}\n(`{{3,}})[^\n]*\n(?!<<<<<<< )(.*?)^\1$", conversation, re.MULTILINE | re.DOTALL
    )
    fence, before = shown[-1] if shown else ("```", "")
    after = edit.content if edit.content.endswith("\n") else edit.content + "\n"
    return "\n".join(
        (
            edit.path,
            fence,
            f"<<<<<<< SEARCH\n{before}=======\n{after}>>>>>>> REPLACE",
            fence,
        )
    )
