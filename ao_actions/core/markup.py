"""How Markdown and HTML are written, as far as they can hide words: the patterns of `hidden`.

Source: the GitHub Flavored Markdown specification; which elements GitHub shows: its
documentation of allowed HTML.
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# ---- Markdown ------------------------------------------------------------------------------

SPECIAL = re.compile(r"[\\`<!\[\]\n]")
_CONTAINERS = r"[ \t]*(?:(?:>|[-+*]|\d{1,9}[.)])[ \t]*)*"
BLANK = re.compile(r"[ \t]*(?:\n|\Z)")
HTML_LINE = re.compile(rf"{_CONTAINERS}<(?=[A-Za-z/!?])")
# a block of HTML that no blank line ends: whatever stands in it is no code
HTML_BLOCK = re.compile(
    rf"{_CONTAINERS}<(?:(?:pre|script|style|textarea)(?![\w-])|\?|!(?!--))", re.IGNORECASE
)
# only at the margin: further in, the end of a list would end it too
FENCE = re.compile(r"(?P<fence>`{3,}(?=[^`\n]*(?:\n|\Z))|~{3,})[ \t]*(?P<info>[^\n]*)(?:\n|\Z)")
FENCED = re.compile(r"^\s*(?:`{3}|~{3})", re.MULTILINE)
LANGUAGE = re.compile(r"[\w.+#-]{0,20}(?!\S)")
DRAWN = frozenset(("mermaid", "geojson", "topojson", "stl", "math"))
CODE = re.compile(r"(`+)(?!`)[^\n|]*?(?<!`)\1(?!`)")
_TITLE = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\((?:[^()\\]|\\.)*\))"""
TARGET = re.compile(
    rf"\(\s*(?P<to><[^<>\n]*>|[^\s<]\S{{0,2000}}|)(?:\s+(?P<title>{_TITLE}))?\s*\)", re.DOTALL
)
ENDLESS = re.compile(r"\(\S{2000}\S*")
DEFINITION = re.compile(
    rf"{_CONTAINERS}(?P<all>\[(?!\^)(?:[^\[\]\\]|\\.){{1,999}}\]:[ \t]*\n?[ \t]*"
    rf"(?:<[^<>\n]*>|\S+)(?:\s+{_TITLE})?)[ \t]*(?=\n|\Z)",
    re.DOTALL,
)
FOOTNOTE = re.compile(
    rf"{_CONTAINERS}(?P<all>\[\^[^\]\n]+\]:[^\n]*(?:\n[^\n]*\S[^\n]*)*(?:\n+(?: {{4}}|\t)[^\n]*)*)"
)
ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]\w{1,40});")

# ---- HTML ----------------------------------------------------------------------------------

MARKUP = (
    ("processing instruction", re.compile(r"<\?(.*?)(?:\?>|\Z)", re.DOTALL)),
    ("CDATA section", re.compile(r"<!\[CDATA\[(.*?)(?:\]\]>|\Z)", re.DOTALL)),
    ("declaration", re.compile(r"<!([A-Za-z][^>]*)(?:>|\Z)")),
)
AUTOLINK = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*|[^\s<>@]+@[\w.-]+)>")
_VALUE = r"""[^\s"'=<>`]+|'[^']*'|"[^"]*\""""
TAG = re.compile(
    rf"<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9-]*)"
    rf"(?P<more>(?:\s+[A-Za-z_:][\w.:-]*(?:\s*=\s*(?:{_VALUE}))?)*)\s*/?>"
)
ATTRIBUTE = re.compile(rf"([A-Za-z_:][\w.:-]*)(?:\s*=\s*({_VALUE}))?")
BROKEN = re.compile(r"<[A-Za-z/](?:(?!\n[ \t]*\n).)*", re.DOTALL)
PLAIN = _words(
    "a b blockquote br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd li ol p "
    "picture pre q s samp small source span strike strong sub summary sup table tbody td tfoot th "
    "thead tr tt u ul var wbr"
)
HIDES = _words(
    "audio canvas datalist details head iframe math noembed noframes noscript object script select "
    "style svg template textarea title video"
)
VOID = _words("area base br col embed hr img input link meta source track wbr")
# attributes that say nothing to a reader
MUTE = _words(
    "align border colspan dir height href lang loading open rel rowspan src start target valign "
    "width"
)
UNSEEN = re.compile(r"none|hidden|transparent|opacity|font-size|white|indent", re.IGNORECASE)
USUAL_ALT = frozenset(("", "image", "screenshot"))  # what GitHub puts there itself
