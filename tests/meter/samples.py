"""Answers as the providers write them, whole and streamed, and what they used."""

from __future__ import annotations

from dataclasses import dataclass

from ao_actions.meter import Tokens


@dataclass(frozen=True)
class Sample:
    """One answer. `usd` is its price by the list."""

    name: str
    provider: str
    header: str
    path: str
    body: bytes
    model: str
    tokens: Tokens
    usd: float

    @property
    def streamed(self) -> bool:
        return self.body.startswith((b"event:", b"data:"))

    @property
    def content_type(self) -> bytes:
        return b"text/event-stream" if self.streamed else b"application/json"


_CLAUDE = Tokens(input=2700, cached=400, written=200, written_hour=100, output=100)
_CLAUDE_USD = (2000 * 4 + 400 * 0.2 + 200 * 5 + 100 * 8 + 100 * 20) / 1e6
_GPT = Tokens(input=1000, cached=200, output=50)
_GPT_USD = (800 * 5 + 200 * 0.5 + 50 * 30) / 1e6
_GEMINI = Tokens(input=1100, cached=200, output=80)
_GEMINI_USD = (900 * 1.25 + 200 * 0.125 + 80 * 10) / 1e6
_KIMI = Tokens(input=1000, cached=200, output=50)
_KIMI_USD = (800 * 3 + 200 * 0.3 + 50 * 15) / 1e6

_CLAUDE_USAGE = (
    b'"usage":{"input_tokens":2000,"cache_creation_input_tokens":300,'
    b'"cache_read_input_tokens":400,"cache_creation":{"ephemeral_5m_input_tokens":200,'
    b'"ephemeral_1h_input_tokens":100},"output_tokens":%d,"service_tier":"standard"}'
)
CLAUDE_START = (
    b"event: message_start\n"
    b'data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
    b'"model":"claude-opus-5-5","content":[],"stop_reason":null,"stop_sequence":null,'
    + _CLAUDE_USAGE % 1
    + b"}}\n\n"
)
CLAUDE_WORDS = (
    b'event: ping\ndata: {"type": "ping"}\n\n'
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
    b'"text":"\\"usage\\": caf\xc3\xa9 \\u2026"}}\n\n'
)
CLAUDE_END = (
    b"event: message_delta\n"
    b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
    b'"usage":{"output_tokens":100}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)
CLAUDE_WHOLE = (
    b'{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-5-5",'
    b'"content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn",'
    + _CLAUDE_USAGE % 100
    + b"}"
)

_CHAT_USAGE = (
    b'"usage":{"prompt_tokens":1000,"completion_tokens":50,"total_tokens":1050,'
    b'"prompt_tokens_details":{"cached_tokens":200}}'
)
CHAT_WORDS = (
    b'data: {"id":"c1","object":"chat.completion.chunk","model":"gpt-5.5-2026-04-23",'
    b'"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}],"usage":null}\n\n'
)
CHAT_END = (
    b'data: {"id":"c1","object":"chat.completion.chunk","model":"gpt-5.5-2026-04-23",'
    b'"choices":[],' + _CHAT_USAGE + b"}\n\ndata: [DONE]\n\n"
)
CHAT_WHOLE = (
    b'{"id":"c1","object":"chat.completion","model":"gpt-5.5-2026-04-23","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],' + _CHAT_USAGE + b"}"
)
KIMI_STREAM = (
    b'data: {"id":"k1","object":"chat.completion.chunk","model":"kimi-k3","choices":[{"index":0,'
    b'"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":1000,"completion_tokens":50,'
    b'"total_tokens":1050,"cached_tokens":200}}]}\n\ndata: [DONE]\n\n'
)

_RESPONSE = (
    b'{"id":"resp_1","object":"response","status":"%s","error":null,"model":"gpt-5.5",'
    b'"output":[],"usage":%s}'
)
_RESPONSE_USAGE = (
    b'{"input_tokens":1000,"input_tokens_details":{"cached_tokens":200},"output_tokens":50,'
    b'"output_tokens_details":{"reasoning_tokens":20},"total_tokens":1050}'
)
RESPONSES_STREAM = (
    b'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":'
    + _RESPONSE % (b"in_progress", b"null")
    + b"}\n\n"
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"hi"}'
    b"\n\n"
    b'event: response.completed\ndata: {"type":"response.completed","sequence_number":2,'
    b'"response":' + _RESPONSE % (b"completed", _RESPONSE_USAGE) + b"}\n\n"
)
RESPONSES_WHOLE = _RESPONSE % (b"completed", _RESPONSE_USAGE)

_GEMINI_PIECE = (
    b'{"candidates":[{"content":{"parts":[{"text":"hi"}],"role":"model"},"index":0}],'
    b'"usageMetadata":{"promptTokenCount":1000,"toolUsePromptTokenCount":100,'
    b'"cachedContentTokenCount":200,"candidatesTokenCount":%d,"thoughtsTokenCount":30},'
    b'"modelVersion":"gemini-2.5-pro"}'
)
GEMINI_STREAM = b"".join(b"data: " + _GEMINI_PIECE % out + b"\r\n\r\n" for out in (5, 20, 50))
GEMINI_ARRAY = b"[" + b",\r\n".join(_GEMINI_PIECE % out for out in (5, 50)) + b"]"
GEMINI_WHOLE = _GEMINI_PIECE % 50

_GENERATE = "/v1beta/models/gemini-2.5-pro:"
_OPENAI = ("openai", "authorization")
_GOOGLE = ("gemini", "x-goog-api-key")
_CLAUDE_AT = ("anthropic", "x-api-key", "/v1/messages")

_CHAT = "/v1/chat/completions"
_CLAUDE_STREAM = CLAUDE_START + CLAUDE_WORDS + CLAUDE_END
_CLAUDE_TOLD = ("claude-opus-5-5", _CLAUDE, _CLAUDE_USD)
_CHAT_TOLD = ("gpt-5.5-2026-04-23", _GPT, _GPT_USD)
_GPT_TOLD = ("gpt-5.5", _GPT, _GPT_USD)
_GEMINI_TOLD = ("gemini-2.5-pro", _GEMINI, _GEMINI_USD)
_KIMI_TOLD = ("kimi-k3", _KIMI, _KIMI_USD)
_MOONSHOT = ("moonshot", "authorization", _CHAT)

SAMPLES = (
    Sample("anthropic-stream", *_CLAUDE_AT, _CLAUDE_STREAM, *_CLAUDE_TOLD),
    Sample("anthropic", *_CLAUDE_AT, CLAUDE_WHOLE, *_CLAUDE_TOLD),
    Sample("chat-stream", *_OPENAI, _CHAT, CHAT_WORDS + CHAT_END, *_CHAT_TOLD),
    Sample("chat", *_OPENAI, _CHAT, CHAT_WHOLE, *_CHAT_TOLD),
    Sample("moonshot-stream", *_MOONSHOT, KIMI_STREAM, *_KIMI_TOLD),
    Sample("responses-stream", *_OPENAI, "/v1/responses", RESPONSES_STREAM, *_GPT_TOLD),
    Sample("responses", *_OPENAI, "/v1/responses", RESPONSES_WHOLE, *_GPT_TOLD),
    Sample(
        "gemini-stream", *_GOOGLE, f"{_GENERATE}streamGenerateContent", GEMINI_STREAM, *_GEMINI_TOLD
    ),
    Sample(
        "gemini-array", *_GOOGLE, f"{_GENERATE}streamGenerateContent", GEMINI_ARRAY, *_GEMINI_TOLD
    ),
    Sample("gemini", *_GOOGLE, f"{_GENERATE}generateContent", GEMINI_WHOLE, *_GEMINI_TOLD),
)
