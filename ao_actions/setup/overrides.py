"""The user's changes to generated workflows: RFC 7396 merge patches that keep the comments.

The patch is put into the text itself, entry by entry, so that what it does not touch stays as
it was generated, pins with their version comments among it. What comes out is read again and
must be what the patch means; where the text cannot be edited so, the whole file is printed anew.
"""

from __future__ import annotations

import difflib
import io
from collections.abc import Mapping
from typing import Any

from ao_actions.errors import ConfigError

Json = Any
_LINE_ENDS = "\x85\u2028\u2029"  # to YAML they are; written as they are they would be lost


def merge(target: Json, patch: Json) -> Json:
    """RFC 7396, section 2."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def apply(files: Mapping[str, str], patches: Mapping[str, Mapping[str, Json]]) -> dict[str, str]:
    """Generated files (path to text) with the patches (file name to patch) put in.

    :raises ConfigError: a patch names a file that is not generated
    """
    names = {path.rsplit("/", 1)[-1]: path for path in files}
    patched = dict(files)
    for name, patch in patches.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(names))}"
            raise ConfigError(f".github/ao.yml: overrides: no workflow is named {name!r} ({hint})")
        patched[names[name]] = patch_text(files[names[name]], patch)
    return patched


def patch_text(text: str, patch: Mapping[str, Json]) -> str:
    """The YAML text with the patch in it."""
    wanted = merge(_load(text), patch)
    edited = text
    for path, value in _leaves(patch, _load(text)):
        edited = _edit(edited, path, value)
    try:
        same = _load(edited) == wanted
    except ConfigError:
        same = False
    if same:
        return edited
    head = [line for line in text.splitlines(keepends=True) if line.startswith("#")][:1]
    return "".join(head) + _dump(wanted)


def _leaves(patch: Mapping[str, Json], target: Json) -> list[tuple[tuple[str, ...], Json]]:
    """What to set (or, None, to remove) at which path; mappings on both sides are descended."""
    found: list[tuple[tuple[str, ...], Json]] = []
    for key, value in patch.items():
        there = target.get(key) if isinstance(target, Mapping) else None
        if isinstance(value, Mapping) and isinstance(there, Mapping) and there:
            found += [((key, *path), leaf) for path, leaf in _leaves(value, there)]
        else:
            found.append(((key,), None if value is None else merge(there, value)))
    return found


# ---- editing the text ------------------------------------------------------------------------


def _edit(text: str, path: tuple[str, ...], value: Json) -> str:
    import yaml

    try:
        mapping = yaml.compose(io.StringIO(text), Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return text
    for key in path[:-1]:
        entry = _entry(mapping, key)
        if entry is None:
            return text
        mapping = entry[1]
    if not isinstance(mapping, yaml.MappingNode) or mapping.flow_style:
        return text
    lines = text.splitlines(keepends=True)
    indent = mapping.start_mark.column
    new = _block({path[-1]: value}, indent) if value is not None else []
    entry = _entry(mapping, path[-1])
    if entry is None:
        at = _last_line(lines, mapping.value[-1]) + 1 if mapping.value else mapping.start_mark.line
        return "".join([*lines[:at], *new, *lines[at:]])
    first, last = entry[0].start_mark.line, _last_line(lines, entry)
    return "".join([*lines[:first], *new, *lines[last + 1 :]])


def _entry(node: Any, key: str) -> Any:
    import yaml

    if isinstance(node, yaml.MappingNode):
        for entry in node.value:
            if entry[0].value == key:
                return entry
    return None


def _last_line(lines: list[str], entry: Any) -> int:
    """The last line of a block entry: comments and blank lines after it are not its own."""
    key, value = entry
    mark = value.end_mark
    last = mark.line if mark.column > 0 and value.start_mark != mark else mark.line - 1
    last = min(max(last, key.start_mark.line), len(lines) - 1)
    if mark.column > 0 and not lines[last][: mark.column].strip():
        last -= 1  # the end of a block stands at the beginning of what follows
    while last > key.start_mark.line and _empty(lines[last]):
        last -= 1
    return int(last)


def _empty(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _block(value: Json, indent: int) -> list[str]:
    return [" " * indent + line for line in _dump(value).splitlines(keepends=True)]


# ---- YAML, with the key `on` as GitHub reads it ----------------------------------------------


def _load(text: str) -> Json:
    import yaml

    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"a workflow is not YAML: {' '.join(str(error).split())}") from None
    if isinstance(document, dict):
        return {"on" if key is True else key: value for key, value in document.items()}
    return document


def _dump(value: Json) -> str:
    import yaml

    def dumped(*, allow_unicode: bool) -> str:
        return yaml.safe_dump(value, sort_keys=False, allow_unicode=allow_unicode, width=10_000)

    text = dumped(allow_unicode=True)
    if any(sign in text for sign in _LINE_ENDS):
        text = dumped(allow_unicode=False)
    lines = text.splitlines(keepends=True)
    return "".join("on:" + line[5:] if line.startswith("'on':") else line for line in lines)
