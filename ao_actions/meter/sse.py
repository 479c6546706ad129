"""Server-sent events, read while their bytes pass (WHATWG HTML, section 9.2)."""

from __future__ import annotations

# One event holds a whole answer (OpenAI's `response.completed`): megabytes, not more.
EVENT_LIMIT = 16_000_000  # bytes


class Events:
    """The data of each event, in whatever pieces the bytes arrive; an event too large is lost."""

    def __init__(self, limit: int = EVENT_LIMIT) -> None:
        self._limit = limit
        self._line: list[bytes] = []  # the pieces of a line that has not ended
        self._data: list[bytes] = []  # the data lines of an event that has not ended
        self._data_size = 0
        self._size = 0  # of both
        self._lost = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of the events that end in this chunk."""
        half_end = bool(self._line) and self._line[-1].endswith(b"\r")
        if not half_end and b"\n" not in chunk and b"\r" not in chunk:
            self._keep(self._line, chunk)
            return []
        *lines, rest = self._split(chunk)
        self._line, self._size = [], self._data_size
        ended = [data for line in lines if (data := self._read(line)) is not None]
        self._keep(self._line, rest)
        return ended

    def _split(self, chunk: bytes) -> list[bytes]:
        """The lines of what was kept and this chunk; the last one has not ended."""
        lines = b"".join((*self._line, chunk)).splitlines(keepends=True)
        # a carriage return at the very end may be half of a line's end
        if lines[-1].endswith(b"\n"):
            lines.append(b"")
        return [line.rstrip(b"\r\n") for line in lines[:-1]] + [lines[-1]]

    def _read(self, line: bytes) -> bytes | None:
        if line:
            if line.startswith(b"data:"):
                self._keep(self._data, line[5:].removeprefix(b" "))
                self._data_size = self._size
            return None
        data, lost = b"\n".join(self._data), self._lost
        self._data, self._data_size, self._size, self._lost = [], 0, 0, False
        return data if data and not lost else None

    def _keep(self, pieces: list[bytes], piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._limit:
            self._lost = True
            self._line, self._data, self._data_size, self._size = [], [], 0, 0
        elif piece:
            pieces.append(piece)
