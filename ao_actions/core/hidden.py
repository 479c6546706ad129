"""What a reader of GitHub's page does not see of a text: taken out, and kept apart.

An agent is told what the maintainer saw when they put the label on, and the maintainer is shown
the rest (design 2.5). Where it is doubtful whether something is shown, it counts as hidden; only
what is certain to be code keeps its markup (`markup`).
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable

from ao_actions.core import markup
from ao_actions.core import text as outside
from ao_actions.core.invisible import Clean, Hidden, plain

SHOWN = 10  # excerpts of a section
EXCERPT = 200  # characters of one


def strip(markdown: str) -> Clean:
    """Markdown as it is read on the page, as text: no comments, no collapsed or invisible words,
    no titles behind links and pictures. Code keeps everything but invisible characters."""
    reader = _Reader(markdown.replace("\r\n", "\n").replace("\r", "\n"))
    reader.read()
    shown = plain("".join(reader.pieces))
    return Clean(shown.text, (*reader.found, *shown.found))


def summary(found: Iterable[Hidden]) -> str:
    """`1 HTML comment (23 characters), 4 zero-width characters`; "" for nothing."""
    times: Counter[str] = Counter()
    lengths: Counter[str] = Counter()
    for each in found:
        times[each.kind] += each.count or 1
        lengths[each.kind] += 0 if each.count else len(each.text)
    return ", ".join(
        _counted(count, kind)
        + (f" ({_counted(lengths[kind], 'character')})" if lengths[kind] else "")
        for kind, count in times.items()
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def section(found: tuple[Hidden, ...]) -> str:
    """The same for a pull request's text, with excerpts; "" for nothing."""
    if not found:
        return ""
    telling = [each for each in found if each.text.strip()]
    rows = [f"- {each.kind}: {outside.line(each.text, limit=EXCERPT)}" for each in telling[:SHOWN]]
    if len(telling) > SHOWN:
        rows.append(f"- and {len(telling) - SHOWN} more")
    head = f"Hidden in the issue and not shown to the agent: {summary(found)}."
    return "\n".join([head, "", *rows]) if rows else head


class _Reader:
    """Reads Markdown once from the left to the right, as a renderer of inlines does."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.pieces: list[str] = []
        self.found: list[Hidden] = []
        self._html = False  # in a block of HTML: up to a blank line there is no code
        self._no_code = False  # nor from here on
        self._brackets: list[tuple[int, bool]] = []  # open ones: their piece, and if a picture's
        self._signs = {
            "\\": self._escape,
            "`": self._backtick,
            "<": self._angle,
            "!": self._exclamation,
            "[": self._bracket,
            "]": self._closing_bracket,
            "\n": self._literal,
        }
        self._hiding = ""  # the element that hides what is in it,
        self._depth = 0
        self._since = (0, 0, 0)  # and where it began: in the text, the pieces and what was found

    def read(self) -> None:
        while self.at < len(self.text):
            at_start = self.at == 0 or self.text[self.at - 1] == "\n"
            if not (at_start and self._block()):
                self._inline()
        if self._hiding:
            self._show_again(len(self.text))

    def _put(self, words: str, *, code: bool = False) -> None:
        self.pieces.append(
            words if code else markup.ENTITY.sub(lambda m: html.unescape(m[0]), words)
        )

    def _note(self, kind: str, words: str) -> None:
        # what we take for hidden may be less to GitHub: then a fence in it would turn code into
        # text from there on, and text into code
        self._no_code = self._no_code or markup.FENCED.search(words) is not None
        self.found.append(Hidden(kind, words.strip()))

    def _gone(self, kind: str, words: str, end: int) -> None:
        self._note(kind, words)
        self.at = end

    # ---- lines -----------------------------------------------------------------------------

    def _block(self) -> bool:
        """Whether a fenced block or a definition began here, and was read."""
        if markup.BLANK.match(self.text, self.at):
            self._html = False
            self._brackets.clear()
            return False
        self._no_code = self._no_code or markup.HTML_BLOCK.match(self.text, self.at) is not None
        self._html = self._html or markup.HTML_LINE.match(self.text, self.at) is not None
        fence = None if self._html or self._no_code else markup.FENCE.match(self.text, self.at)
        if fence is not None:
            self._fenced(fence)
            return True
        for kind, pattern in (
            ("footnote", markup.FOOTNOTE),
            ("link definition", markup.DEFINITION),
        ):
            found = pattern.match(self.text, self.at)
            if found is not None:
                self._gone(kind, found["all"], found.end())
                return True
        return False

    def _fenced(self, opening: re.Match[str]) -> None:
        fence, info = opening["fence"], opening["info"].strip()
        closing = re.compile(rf"^ {{0,3}}{fence}{fence[0]}*[ \t]*$", re.MULTILINE)
        closed = closing.search(self.text, opening.end())
        end = closed.end() if closed else len(self.text)
        self._brackets.clear()
        language = markup.LANGUAGE.match(info)
        word = language[0] if language else ""
        if word.lower() in markup.DRAWN:
            self._gone("drawing", self.text[self.at : end], end)
            # a fence that was read whole changes nothing for what follows
            self._no_code = False
            return
        if rest := info[len(word) :].strip():
            self.found.append(Hidden("label of a code block", rest))
        self._put(f"{fence}{word}\n{self.text[opening.end() : end]}", code=True)
        self.at = end

    # ---- in a line -------------------------------------------------------------------------

    def _inline(self) -> None:
        special = markup.SPECIAL.search(self.text, self.at)
        start = special.start() if special else len(self.text)
        if start > self.at:
            self._put(self.text[self.at : start])
            self.at = start
        if special is not None:
            self._signs[special[0]]()

    def _literal(self, length: int = 1) -> None:
        self._put(self.text[self.at : self.at + length], code=length > 1)
        self.at += length

    def _escape(self) -> None:
        following = self.text[self.at + 1 : self.at + 2]
        is_sign = not self._html and following.isascii() and following.isprintable()
        self._literal(2 if is_sign and not following.isalnum() and following.strip() else 1)

    def _backtick(self) -> None:
        code = None if self._html or self._no_code else markup.CODE.match(self.text, self.at)
        if code is not None:
            self._put(code[0], code=True)
            self.at = code.end()
            return
        end = self.at
        while self.text.startswith("`", end):
            end += 1
        self._put(self.text[self.at : end])
        self.at = end

    def _exclamation(self) -> None:
        if self.text.startswith("![", self.at):
            self._brackets.append((len(self.pieces), True))
            self._literal(2)
        else:
            self._literal()

    def _bracket(self) -> None:
        self._brackets.append((len(self.pieces), False))
        self._literal()

    def _closing_bracket(self) -> None:
        if not self._brackets:
            self._literal()
            return
        start, is_picture = self._brackets.pop()
        words = "".join(self.pieces[start + 1 :])
        target = markup.TARGET.match(self.text, self.at + 1) or markup.ENDLESS.match(
            self.text, self.at + 1
        )
        if is_picture:
            del self.pieces[start + 1 :]
            if words.strip().lower() not in markup.USUAL_ALT:
                self._note("image alt text", words)
        elif target and not plain(words).text.strip():
            del self.pieces[start:]
            self._gone("link without words", target[0], target.end())
            return
        self._literal()
        if target is not None:
            self._target(target, "image" if is_picture else "link")

    def _target(self, target: re.Match[str], kind: str) -> None:
        """The address stays: a reader can see it. Words in its place, and titles, do not."""
        given = target.groupdict()
        address = given.get("to", target[0])
        if address == target[0] or re.search(r"\s", address):
            self._note(f"{kind} address", address)
            address = ""
        if given.get("title"):
            self._note(f"{kind} title", given["title"][1:-1])
        self._put(f"({address})")
        self.at = target.end()

    # ---- HTML ------------------------------------------------------------------------------

    def _angle(self) -> None:
        if self.text.startswith("<!--", self.at):
            end = self.text.find("-->", self.at + 2)
            stop = end if end >= 0 else len(self.text)
            self._gone("HTML comment", self.text[self.at + 4 : stop], stop + 3)
            return
        for kind, pattern in markup.MARKUP:
            found = pattern.match(self.text, self.at)
            if found is not None:
                self._gone(kind, found[1], found.end())
                return
        link, tag = markup.AUTOLINK.match(self.text, self.at), markup.TAG.match(self.text, self.at)
        if link is not None:
            self._put(link[1])
            self.at = link.end()
        elif tag is not None:
            self._tag(tag)
        elif self._html and (broken := markup.BROKEN.match(self.text, self.at)):
            self._gone("broken HTML tag", broken[0], broken.end())
        else:
            self._literal()

    def _tag(self, tag: re.Match[str]) -> None:
        name = tag["name"].lower()
        attributes = {
            key.lower(): _unquoted(value) for key, value in markup.ATTRIBUTE.findall(tag["more"])
        }
        if self._hiding:
            self._in_hiding(tag, name)
        elif not tag["end"] and name not in markup.VOID and _hides(name, attributes):
            self._hiding, self._depth = name, 1
            self._since = (self.at, len(self.pieces), len(self.found))
        elif name not in markup.PLAIN:
            self._note("HTML tag", tag[0])
        else:
            self._note_attributes(attributes)
        if name == "br":
            self._put("\n")
        self.at = tag.end()

    def _note_attributes(self, attributes: dict[str, str]) -> None:
        said = {k: v for k, v in attributes.items() if v and k not in markup.MUTE}
        if said.get("alt", "x").lower() in markup.USUAL_ALT:
            del said["alt"]
        if said:
            self._note("HTML attribute", ", ".join(f"{k}: {v}" for k, v in said.items()))

    def _in_hiding(self, tag: re.Match[str], name: str) -> None:
        if name != self._hiding:
            return
        if not tag["end"]:
            self._depth += 1
        elif self._closes(tag.start()):
            self._depth -= 1
            if self._depth == 0:
                self._show_again(tag.end())

    def _closes(self, place: int) -> bool:
        """Whether it is certain that an end tag is not part of code in a list or a span."""
        start = self.text.rfind("\n", 0, place) + 1
        before = self.text[start:place]
        if self._since[0] >= start:
            return True
        return re.match(r"[\s>*+\d-]", before) is None and "`" not in before

    def _show_again(self, end: int) -> None:
        start, pieces, found = self._since
        del self.pieces[pieces:], self.found[found:]
        self._brackets = [each for each in self._brackets if each[0] < pieces]
        kind = "collapsed section" if self._hiding == "details" else "hidden element"
        no_code = self._no_code
        self._note(kind, self.text[start:end])
        self._no_code = no_code  # what is in it was read like all else
        self._hiding = ""


def _unquoted(value: str) -> str:
    return value[1:-1] if value[:1] in ("'", '"') else value


def _hides(name: str, attributes: dict[str, str]) -> bool:
    if name in markup.HIDES:
        return name != "details" or "open" not in attributes
    return "hidden" in attributes or markup.UNSEEN.search(attributes.get("style", "")) is not None
