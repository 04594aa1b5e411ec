"""A logout as a client asks for it, by its user's browser (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import parse_qsl

from idchaos.errors import UsageError
from idchaos.hosts import check_host
from idchaos.load.canaries.bench import Bench
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Step
from idchaos.load.idp.journey import Cookies
from idchaos.load.idp.page import filled_in
from idchaos.load.idp.provider import Asked
from idchaos.targets.endpoints import Client


def logged_out(bench: Bench, client: Client, id_token: str, cookies: Cookies, method: str = "GET") -> bool:
    """Log out by an ID token and a browser's cookies; a user who is asked says yes. Whether the IdP has done so."""
    idp, at = bench.scene.idp, bench.scene.endpoints.idp_url
    named = (("id_token_hint", id_token), ("client_id", client.client_id))
    query, form = (named, None) if method == "GET" else ((), named)
    answer = idp.ask(Asked("end_session", method, query=query, form=form, headers=cookies.header(at)))
    cookies.keep(at, answer)
    if (yes := _yes(bench, answer, cookies.header(at))) is not None:
        bench.observe(Step("end_session", answer, "accept", ""))
        answer = idp.ask(yes)
    done = HTTPStatus.OK <= answer.status < HTTPStatus.BAD_REQUEST and b"<form" not in answer.body.lower()
    return bench.observe(Step("end_session", answer, "accept" if done else "undecided", ""))


def _yes(bench: Bench, answer: Response, cookies: dict[str, str]) -> Asked | None:
    """What the page that asks whether the user means it sends when they do (section 2)."""
    try:
        asked_at = bench.scene.idp.url_of("end_session")
        found = filled_in(answer.body, asked_at, "", "") if answer.status == HTTPStatus.OK else None
        if found is None or found.purpose != "consent" or found.method != "POST":
            return None
        check_host(found.url, bench.scene.endpoints.allow_hosts)
    except (UsageError, ValueError):  # a page may name any address, or none
        return None
    form = tuple(parse_qsl(found.body.decode(), keep_blank_values=True))
    return Asked("end_session", form=form, url=found.url, headers=cookies)
