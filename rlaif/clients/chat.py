"""Chat messages become token ids, piece by piece, so that contents can never be markers."""

from __future__ import annotations

from dataclasses import dataclass

from rlaif.calls.request import CallError, Failure, Request
from rlaif.clients.runtime import Runtime
from rlaif.clients.wire import clean
from rlaif.records import Message

_STANDIN = "slot{index}slot"


@dataclass(frozen=True, slots=True)
class Chat:
    """A rendered chat: its tokens, and how many leading ones the request's group shares."""

    tokens: list[int]
    shared: int


def encode(request: Request, runtime: Runtime) -> Chat:
    """Token ids of a request's messages, up to where the assistant begins.

    The chat template is rendered over stand-ins, and only what stands between them is read for
    markers: `<|im_end|>` in a candidate's text becomes the same few ordinary tokens as any other
    punctuation. The last content is cut at `request.shared`, so that the tokens of a shared prefix
    do not depend on what follows it.
    """
    frame = _frame(request.messages, runtime)
    tokens = runtime.tokens(frame[0], special=True)
    shared = 0
    for index, (message, after) in enumerate(zip(request.messages, frame[1:], strict=True)):
        cut = request.shared if index == len(request.messages) - 1 else 0
        tokens += _plain(runtime, message.content[:cut])
        shared = len(tokens)
        tokens += _plain(runtime, message.content[cut:])
        tokens += runtime.tokens(after, special=True)
    return Chat(tokens, shared)


def _plain(runtime: Runtime, text: str) -> list[int]:
    return runtime.tokens(clean(text)) if text else []


def _frame(messages: tuple[Message, ...], runtime: Runtime) -> list[str]:
    """What the template puts before, between and after the contents."""
    names = [_STANDIN.format(index=index) for index in range(len(messages))]
    stands = [Message(role=m.role, content=n) for m, n in zip(messages, names, strict=True)]
    rest, frame = runtime.render(stands), []
    for name in names:
        before, found, rest = rest.partition(name)
        if not found:
            roles = ", ".join(message.role for message in messages)
            raise CallError(
                Failure.BAD_REQUEST, f"the model's chat template cannot render the roles {roles}"
            )
        frame.append(before)
    return [*frame, rest]
