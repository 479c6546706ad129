"""A stand-in for Cursor's agent, which no registry serves: its documented flags and output.

It asks the scripted model instead of its vendor (STAND_IN_URL) and has two tools. What it prints
follows the vendor's page on output formats: a stream of `system`, `user`, `assistant`, `tool_call`
and `result` records; on a failure a sentence on standard error, exit code 1 and no result.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

SESSION = "5d2f5b0e-3a9d-4c55-8d5e-2f0f4f0c1a11"
LIMIT = """Error: You've hit your usage limit
  Get Cursor Pro for more Agent usage, unlimited Tab, and more.
  spendLimitHit: false
  chatMessage: *Your usage limits will reset when your monthly cycle ends on 12/17/2026.*"""


def tool(name: str, *inputs: str) -> dict[str, Any]:
    properties = {key: {"type": "string"} for key in inputs}
    schema = {"type": "object", "properties": properties, "required": list(inputs)}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


TOOLS = [tool("Write", "path", "contents"), tool("Shell", "command")]


def main() -> None:
    options = parsed()
    emit("system", subtype="init", apiKeySource="env", cwd=str(Path.cwd()), model=options.model)
    emit("user", message=text("user", options.prompt))
    messages = [{"role": "user", "content": options.prompt}]
    while True:
        answer = ask(messages)
        messages.append(answer)
        if answer.get("content"):
            emit("assistant", message=text("assistant", answer["content"]))
        calls = answer.get("tool_calls") or ()
        results = [{"tool_call_id": call["id"], "content": use(call)} for call in calls]
        messages += [{"role": "tool", **result} for result in results]
        if not calls:
            said = {"is_error": False, "duration_ms": 1234, "result": answer.get("content") or ""}
            emit("result", subtype="success", **said)
            return


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--print", action="store_true", required=True)
    parser.add_argument("--output-format", choices=["stream-json"], required=True)
    parser.add_argument("--force", action="store_true", required=True)
    parser.add_argument("--trust", action="store_true", required=True)
    parser.add_argument("--model", default="auto")
    parser.add_argument("prompt")
    return parser.parse_args()


def ask(messages: list[dict[str, Any]]) -> dict[str, Any]:
    reply = httpx.post(
        os.environ["STAND_IN_URL"] + "/v1/chat/completions",
        json={"model": "auto", "messages": messages, "tools": TOOLS},
        headers={"authorization": f"Bearer {os.environ['CURSOR_API_KEY']}"},
        timeout=600,
    )
    try:
        body = reply.json()
    except ValueError:
        sys.exit("Error: unexpected answer")
    if reply.is_success:
        message: dict[str, Any] = body["choices"][0]["message"]
        return message
    said = body["error"]["message"]
    sys.exit(LIMIT if reply.status_code == 429 else f"Error: {said}. The API key is invalid.")


def use(call: dict[str, Any]) -> str:
    name = call["function"]["name"]
    given = json.loads(call["function"]["arguments"])
    record = {"call_id": call["id"], "tool_call": {f"{name.lower()}ToolCall": {"args": given}}}
    emit("tool_call", subtype="started", **record)
    if name == "Write":
        Path(given["path"]).write_text(given["contents"])
        result = "written"
    else:
        command = ["bash", "-c", given["command"]]
        result = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    emit("tool_call", subtype="completed", **record)
    return result


def text(role: str, words: str) -> dict[str, Any]:
    return {"role": role, "content": [{"type": "text", "text": words}]}


def emit(kind: str, **fields: Any) -> None:
    print(json.dumps({"type": kind, "session_id": SESSION, **fields}), flush=True)


if __name__ == "__main__":
    main()
