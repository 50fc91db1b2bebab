"""The page itself: plain HTML over HTTP, forms that post, and a script that presses their buttons.

Needs the extra `label`; `serve` imports it when it is called. Paths are under the guard's token.
"""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rlaif.errors import RlaifError
from rlaif.labelling.answers import STRENGTHS
from rlaif.labelling.desk import Desk
from rlaif.labelling.guard import Guard
from rlaif.labelling.rendering import to_html

LONGEST_NAME = 60
LONGEST_REASON = 2000
LONGEST_FORM = 65_536
"""Bytes of one posted form."""
PER_PAGE = 20
"""Disagreements shown at once."""

Name = Annotated[str, Query(max_length=LONGEST_NAME)]


def make_app(desk: Desk, token: str) -> Guard:
    """The page's ASGI app; only requests with `token` and a loopback host reach it."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    pages = Pages(desk)
    app.mount("/static", StaticFiles(packages=[("rlaif.labelling", "static")]))
    app.get("/", response_class=HTMLResponse)(pages.start)
    app.get("/label", response_model=None)(pages.label)
    app.post("/answer", response_model=None)(pages.answer)
    app.post("/undo", response_model=None)(pages.undo)
    app.get("/disagreements", response_class=HTMLResponse)(pages.disagreements)
    app.add_exception_handler(RlaifError, pages.sorry)
    return Guard(app, token)


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a posted form. Raises HTTPException 413 where it is too long."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_FORM:
            raise HTTPException(413, "The form is too long.")
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


Form = Annotated[dict[str, str], Depends(read_form)]


class Pages:
    """One method a path. Each is called in a thread of its own, so the disk may take its time."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._templates = Environment(
            loader=PackageLoader("rlaif.labelling"), autoescape=True, undefined=StrictUndefined
        )
        self._templates.filters["safe_markdown"] = lambda text: Markup(to_html(text))

    def start(self) -> str:
        """Who are you?"""
        return self._page("start.html", title="Label pairs", total=len(self.desk.tasks))

    def label(
        self, annotator: Name, pair: Annotated[int | None, Query()] = None, note: str = ""
    ) -> HTMLResponse | RedirectResponse:
        """One pair: the one asked for, or the first without an answer, or that all have one."""
        if not (name := _name(annotator)):
            return _to(".")
        number = self.desk.open_after(name, -1) if pair is None else pair
        if number is None:
            return HTMLResponse(self._done(name))
        if not 0 <= number < len(self.desk.tasks):
            raise HTTPException(404, "There is no such pair.")
        page = self._page(
            "pair.html",
            title=f"Pair {number + 1} of {len(self.desk.tasks)}",
            view=self.desk.view(name, number),
            strengths=tuple(STRENGTHS),
            note=NOTES.get(note, ""),
            **self._about(name),
        )
        return HTMLResponse(page)

    def answer(self, form: Form) -> RedirectResponse:
        """Keep an answer and go to the next open pair."""
        name, number = self._who(form), self._number(form)
        side, save = form.get("side"), form.get("save")
        if save in ("tie", "skip"):
            seen: Any = "tie" if save == "tie" else None
        elif side in ("first", "second"):
            seen = side
        else:
            return _to("label", annotator=name, pair=number, note="choose")
        strength = save if save in STRENGTHS else None
        reason = form.get("reason", "").strip()[:LONGEST_REASON]
        self.desk.give(name, number, seen, strength, reason)
        following = self.desk.open_after(name, number)
        return _to("label", annotator=name, **({} if following is None else {"pair": following}))

    def undo(self, form: Form) -> RedirectResponse:
        """Take the last answer back and show its pair again."""
        name = self._who(form)
        number = self.desk.undo(name)
        if number is None:
            return _to("label", annotator=name, note="nothing")
        return _to("label", annotator=name, pair=number, note="undone")

    def disagreements(
        self, annotator: Name, page: Annotated[int, Query(ge=1, le=10**6)] = 1
    ) -> str:
        """Where the judge says otherwise than this annotator did."""
        if not (name := _name(annotator)):
            raise HTTPException(400, "Give your name first.")
        found = self.desk.differences(name, (page - 1) * PER_PAGE, PER_PAGE)
        return self._page(
            "disagreements.html",
            title="Where the judge disagrees",
            found=found,
            number=page,
            pages=max(1, -(-found.differing // PER_PAGE)),
            **self._about(name),
        )

    async def sorry(self, request: Request, error: Exception) -> HTMLResponse:
        """What went wrong, in the words of the error, and that nothing was recorded."""
        page = self._page("sorry.html", title="Not recorded", message=str(error))
        return HTMLResponse(page, status_code=409)

    def _done(self, name: str) -> str:
        skipped = self.desk.first_skipped(name)
        return self._page("done.html", title="All done", skipped=skipped, **self._about(name))

    def _about(self, name: str) -> dict[str, Any]:
        """What every page of an annotator shows."""
        progress, judged = self.desk.progress(name), self.desk.judged is not None
        return {"annotator": name, "progress": progress, "judged": judged}

    def _who(self, form: dict[str, str]) -> str:
        if name := _name(form.get("annotator", "")):
            return name
        raise HTTPException(400, "The form names no annotator.")

    def _number(self, form: dict[str, str]) -> int:
        text = form.get("pair", "")
        if text.isascii() and text.isdigit() and len(text) < 12:
            number = int(text)
            if number < len(self.desk.tasks):
                return number
        raise HTTPException(404, "There is no such pair.")

    def _page(self, template: str, **values: Any) -> str:
        return self._templates.get_template(template).render(values)


NOTES = {
    "choose": "Choose A or B first, then how much better it is.",
    "undone": "Taken back. Answer it again, or go on.",
    "nothing": "There is nothing to take back.",
}
"""What a page may say above a pair, by the word in its address."""


def _name(text: str) -> str:
    """An annotator's name as it is kept: printable, without blanks around it; else empty."""
    name = " ".join(text.split())
    return name if name.isprintable() and len(name) <= LONGEST_NAME else ""


def _to(page: str, **query: Any) -> RedirectResponse:
    return RedirectResponse(f"{page}?{urlencode(query)}" if query else page, status_code=303)
