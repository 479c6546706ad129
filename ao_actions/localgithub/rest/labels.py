"""A repository's labels."""

from __future__ import annotations

from ao_actions.localgithub import issues
from ao_actions.localgithub.errors import not_found
from ao_actions.localgithub.model import Label
from ao_actions.localgithub.rest.routing import Call, Reply, route
from ao_actions.localgithub.wire import issues as wire
from ao_actions.localgithub.wire.core import Json


def _find(call: Call) -> Label:
    label = issues.find_label(call.repo, call.params["name"])
    if label is None:
        raise not_found()
    return label


@route("GET /repos/{owner}/{repo}/labels", "issues:read")
def labels(call: Call) -> Reply:
    return call.page(call.repo.labels, lambda label: wire.label(call.wire, call.repo, label))


@route("POST /repos/{owner}/{repo}/labels", "issues:write", status=201)
def create(call: Call) -> Json:
    label = issues.create_label(
        call.turn,
        str(call.required("name", "Label")),
        (call.text("color") or "ededed").removeprefix("#"),
        call.text("description"),
    )
    return wire.label(call.wire, call.repo, label)


@route("GET /repos/{owner}/{repo}/labels/{name}", "issues:read")
def label(call: Call) -> Json:
    return wire.label(call.wire, call.repo, _find(call))


@route("PATCH /repos/{owner}/{repo}/labels/{name}", "issues:write")
def update(call: Call) -> Json:
    """Renaming a label renames it on every issue."""
    record = _find(call)
    name = call.text("new_name") or record.name
    color = (call.text("color") or record.color).removeprefix("#")
    issues.check_label(call.repo, name, color, but=record)
    for issue in call.repo.issues.values():
        issue.labels = [name if each == record.name else each for each in issue.labels]
    record.name, record.color = name, color.lower()
    if "description" in call.body:
        record.description = call.text("description")
    shown = wire.label(call.wire, call.repo, record)
    call.turn.emit("label", "edited", {"label": shown})
    return shown


@route("DELETE /repos/{owner}/{repo}/labels/{name}", "issues:write", status=204)
def delete(call: Call) -> Reply:
    record = _find(call)
    call.repo.labels.remove(record)
    for issue in call.repo.issues.values():
        if record.name in issue.labels:
            issues.remove_label(call.turn, issue, record.name)
    shown = wire.label(call.wire, call.repo, record)
    call.turn.emit("label", "deleted", {"label": shown})
    return Reply(status=204)
