"""One `Edit` and one `Run`, in the tools of every agent."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from ao_actions.modelserver import Answer, Edit, ModelServer, Run, Say, Use
from tests.modelserver.wires import CHAT, RESPONSES, send

TEXT = {"type": "string"}
ABSOLUTE = {"type": "string", "description": "The absolute path to the file"}


def schema(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


WRITERS = {
    "claude-code": (
        ("Write", schema("file_path", "content", file_path=ABSOLUTE, content=TEXT)),
        {"file_path": "/work/a.txt", "content": "x\n"},
    ),
    "opencode": (
        ("write", schema("content", "filePath", content=TEXT, filePath=ABSOLUTE)),
        {"filePath": "/work/a.txt", "content": "x\n"},
    ),
    "gemini": (
        ("write_file", schema("file_path", "content", file_path=TEXT, content=TEXT)),
        {"file_path": "a.txt", "content": "x\n"},
    ),
    "copilot": (
        ("create", schema("path", "file_text", path=ABSOLUTE, file_text=TEXT)),
        {"path": "/work/a.txt", "file_text": "x\n"},
    ),
    "kimi-code": (
        ("WriteFile", schema("path", "content", path=TEXT, content=TEXT)),
        {"path": "a.txt", "content": "x\n"},
    ),
    "no schema": (("Write", {}), {"file_path": "a.txt", "content": "x\n"}),
    "a patch as JSON": (
        ("apply_patch", schema("input", input=TEXT)),
        {"input": "*** Begin Patch\n*** Add File: a.txt\n+x\n*** End Patch\n"},
    ),
}

RUNNERS = {
    "claude-code": (("Bash", schema("command", command=TEXT)), {"command": "ls"}),
    "opencode": (
        ("bash", schema("command", "description", command=TEXT, description=TEXT)),
        {"command": "ls", "description": "a scripted step"},
    ),
    "codex exec": (("exec_command", schema("cmd", cmd=TEXT)), {"cmd": "ls"}),
    "codex shell": (
        ("shell", schema("command", command={"type": "array", "items": TEXT})),
        {"command": ["bash", "-lc", "ls"]},
    ),
    "a type of several": (
        ("bash", schema("command", command={"type": ["string", "null"]})),
        {"command": "ls"},
    ),
    "codex command": (("shell_command", {}), {"command": "ls"}),
    "gemini": (("run_shell_command", schema("command", command=TEXT)), {"command": "ls"}),
    "copilot": (
        (
            "bash",
            schema(
                *("command", "mode", "wait", "detach", "tags", "more", "limit"),
                command=TEXT,
                mode={"type": "string", "enum": ["sync", "async"]},
                wait={"type": "integer", "maximum": 600},
                detach={"type": "BOOLEAN"},
                tags={"type": "array"},
                more={"type": "object"},
                limit={"type": "number", "default": 7},
            ),
        ),
        {
            "command": "ls",
            "mode": "sync",
            "wait": 600,
            "detach": False,
            "tags": [],
            "more": {},
            "limit": 7,
        },
    ),
    "kimi-code": (("Shell", schema("command", command=TEXT)), {"command": "ls"}),
}


@pytest.mark.parametrize(("tool", "expected"), WRITERS.values(), ids=WRITERS)
def test_an_edit(tool: Any, expected: Any) -> None:
    with ModelServer([Answer((Edit("a.txt", "x\n"),))]) as server:
        got = CHAT.ask(server, "Working directory: /work\nGo.", tools=(("other", {}), tool))
    assert got.calls == ((tool[0], expected),)


@pytest.mark.parametrize(("tool", "expected"), RUNNERS.values(), ids=RUNNERS)
def test_a_command(tool: Any, expected: Any) -> None:
    with ModelServer([Answer((Run("ls"),))]) as server:
        got = CHAT.ask(server, tools=(("other", {}), tool))
    assert got.calls == ((tool[0], expected),)


@pytest.mark.parametrize(
    ("told", "cwd", "path"),
    [
        ("Primary working directory: /a/b", None, "/a/b/n.txt"),
        ("I'm currently working in the directory: /a/b", None, "/a/b/n.txt"),
        ("The current working directory is `/a/b`.", None, "/a/b/n.txt"),
        ("<cwd>/a b</cwd>", None, "/a b/n.txt"),
        ("<cwd>/a b</cwd>", Path("/told"), "/told/n.txt"),
        ("", Path("/told"), "/told/n.txt"),
        ("", None, "n.txt"),
    ],
)
def test_where_a_path_is_absolute(told: str, cwd: Path | None, path: str) -> None:
    tool = ("write", schema(filePath=ABSOLUTE, content=TEXT))
    with ModelServer([Answer((Edit("n.txt", ""),))], cwd=cwd) as server:
        got = CHAT.ask(server, told, tools=(tool,))
    assert got.calls == (("write", {"filePath": path, "content": ""}),)


def test_an_absolute_path_stays() -> None:
    tool = ("Write", schema(file_path=ABSOLUTE, content=TEXT))
    with ModelServer([Answer((Edit("/other/n.txt", ""),))], cwd=Path("/work")) as server:
        assert CHAT.ask(server, tools=(tool,)).calls[0][1]["file_path"] == "/other/n.txt"


def test_codex_edits_by_patch_and_copilot_by_shell() -> None:
    with ModelServer([Answer((Edit("a.txt", ""),))]) as server:
        got = RESPONSES.ask(server, tools=(("apply_patch", None), ("bash", {})))
    assert [name for name, _ in got.calls] == ["bash"]
    tools = (("exec_command", schema(cmd=TEXT)), ("apply_patch", None))
    with ModelServer([Answer((Edit("d/a.txt", "x\x0c\ny"), Run("ls")))]) as server:
        got = RESPONSES.ask(server, tools=tools)
    patch = "*** Begin Patch\n*** Add File: d/a.txt\n+x\x0c\n+y\n*** End Patch\n"
    assert got.calls == (("apply_patch", patch), ("exec_command", {"cmd": "ls"}))


def test_codex_calls_its_tools_from_a_script() -> None:
    tools = [{"type": "namespace", "tools": [{"type": "custom", "name": "exec"}]}]
    item = {"type": "additional_tools", "role": "developer", "tools": tools}
    with ModelServer([Answer((Run("echo 'a'"),))]) as server:
        got = send(f"{server.url}/v1/responses", {"model": "m", "input": [item]})
    (call,) = got.last["output"]
    script = """text((await tools.exec_command({"cmd": "echo 'a'"})).output)"""
    assert (call["type"], call["name"], call["input"]) == ("custom_tool_call", "exec", script)


@pytest.mark.parametrize("content", ["", "x\n", "no end", "it's $HOME `a`\\n %s\nEOF\n"])
def test_a_file_through_the_shell(content: str, tmp_path: Path) -> None:
    with ModelServer([Answer((Edit("new/it's.txt", content),))]) as server:
        got = CHAT.ask(server, tools=(("exec_command", schema(cmd=TEXT)),))
    ((_, given),) = got.calls
    subprocess.run(["bash", "-c", given["cmd"]], cwd=tmp_path, check=True)
    assert (tmp_path / "new" / "it's.txt").read_text() == content


def test_what_no_tool_can_do_is_said() -> None:
    blocks = (Run("ls"), Edit("a.txt", ""))
    with ModelServer([Answer(blocks)]) as server:
        got = CHAT.ask(server, tools=(("search", {}),))
    assert got.calls == ()
    assert "I was offered no tool that could run: ls" in got.text
    assert "I was offered no tool that could write: a.txt" in got.text


AIDER = "Every change is a *SEARCH/REPLACE block*.\n"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param(
            "",
            "a.txt\n```\n<<<<<<< SEARCH\n=======\nnew\n>>>>>>> REPLACE\n```",
            id="a new file",
        ),
        pytest.param(
            "a.txt\n```\n```\n",
            "a.txt\n```\n<<<<<<< SEARCH\n=======\nnew\n>>>>>>> REPLACE\n```",
            id="an empty file",
        ),
        pytest.param(
            "b.txt\n```\nno\n```\n\na.txt\n````text\nold\n```\nmore\n````\n",
            "a.txt\n````\n<<<<<<< SEARCH\nold\n```\nmore\n=======\nnew\n>>>>>>> REPLACE\n````",
            id="a file that is shown",
        ),
        pytest.param(
            "a.txt\n```\nold\n```\nBefore:\na.txt\n```\n<<<<<<< SEARCH\nx\n>>>>>>> REPLACE\n```\n",
            "a.txt\n```\n<<<<<<< SEARCH\nold\n=======\nnew\n>>>>>>> REPLACE\n```",
            id="not what we said before",
        ),
    ],
)
def test_edits_in_words(told: str, expected: str) -> None:
    with ModelServer([Answer((Edit("a.txt", "new"),))]) as server:
        assert CHAT.ask(server, AIDER + told, tools=()).text == expected
    assert len(server.asked) == 1


def test_what_words_cannot_do_is_said() -> None:
    with ModelServer([Answer((Say("Hi."), Run("ls"), Use("Read")))]) as server:
        text = CHAT.ask(server, AIDER, tools=()).text
    assert text == "Hi.\n\nI cannot run commands here: ls\n\nI cannot use tools here: Read"
