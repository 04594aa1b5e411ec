"""From an HTTP answer to a decision: accepted, refused, or not decided. Pure.

"Denied is not unavailable": a refusal must be told from an outage whatever status code either comes with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from idchaos.dialects import STAND_IN, Answered, Dialect, challenge
from idchaos.load.idp.page import posted_to
from idchaos.reasons import UNDECIDED_REASONS
from idchaos.record.samples import Decision

_TOKEN = re.compile(r"[\x21-\x7e]+")
_OF_ITS_SHAPE = (400, 404, 405, 406, 412, 413, 414, 415, 416, 417, 421, 431, 501)
_NO = (400, 401, 403, 404, 405)
_PAGES = ("text/html", "application/xhtml+xml", "image/svg+xml")
_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


def at_gateway(answer: Answered, dialect: Dialect = STAND_IN) -> tuple[Decision, str]:
    """The decision of an API call, and the error code (empty when accepted), as the gateway's dialect says."""
    return dialect.read(answer)


def at_odd_request(answer: Answered, dialect: Dialect = STAND_IN) -> tuple[Decision, str]:
    """The same of a request whose shape may be refused before anybody looks at its token: as bad, at a place where
    nothing is, by a method that is not offered (RFC 9110 sections 15.5.1, 15.5.5, 15.5.6 and 15.6.2), as too long
    (RFC 9110 sections 15.5.14 and 15.5.15, RFC 6585 section 5), of a type or at a host that is not served (RFC 9110
    sections 15.5.16 and 15.5.20), in a variant or a part that there is not, or on terms that are not met (RFC 9110
    sections 15.5.7, 15.5.13, 15.5.17 and 15.5.18).
    """
    decision, code = dialect.read(answer)
    refused = decision == "undecided" and answer.status in _OF_ITS_SHAPE and code not in UNDECIDED_REASONS
    return ("deny", code) if refused else (decision, code)


def at_handshake(answer: Answered, dialect: Dialect = STAND_IN) -> tuple[Decision, str]:
    """The same of a request for a WebSocket (RFC 6455 section 4.2.2): accepted where it is opened."""
    return ("accept", "") if answer.status == HTTPStatus.SWITCHING_PROTOCOLS else at_odd_request(answer, dialect)


def at_service(answer: Answered, dialect: Dialect = STAND_IN) -> tuple[Decision, str]:
    """The same of what whoever stands before the service may answer to everybody, as OPTIONS (Fetch, "CORS preflight"):
    accepted where the service has answered, as its echo tells.
    """
    decision, code = at_odd_request(answer, dialect)
    answered = decision != "accept" or isinstance(json_object(answer.body).get("echo"), str)
    return (decision, code) if answered else ("deny", "answered_before_the_service")


def at_overridden(answer: Answered, dialect: Dialect = STAND_IN) -> tuple[Decision, str]:
    """The same of a POST that says in a header that it is a GET: accepted where the service has seen a POST, as it
    tells. Who takes it for a GET throughout has read something, and changed nothing.
    """
    decision, code = at_odd_request(answer, dialect)
    seen = json_object(answer.body).get("method") if decision == "accept" else "POST"
    if seen == "POST":
        return decision, code
    return ("deny", "read_only") if seen == "GET" else ("undecided", "method_not_told")


def at_other_service(answer: Answered, dialect: Dialect = STAND_IN, *, home: Collection[str]) -> tuple[Decision, str]:
    """The same of a token that is good at the services ``home``, sent to another: accepted where that one has answered,
    as it tells. Who passes it on to one of those has been asked for it.
    """
    decision, code = at_odd_request(answer, dialect)
    seen = json_object(answer.body).get("service") if decision == "accept" else ""
    if decision != "accept" or (isinstance(seen, str) and seen not in home):
        return decision, code
    return ("deny", "passed_on_to_its_home") if seen in home else ("undecided", "service_not_told")


def at_foreign_page(answer: Answered, dialect: Dialect = STAND_IN, *, origin: str) -> tuple[Decision, str]:
    """The same of a good request that a page of ``origin`` makes: accepted where that page may read the answer to what
    the user's browser sends by itself (the Fetch standard's CORS check, with credentials). Who answers no page, or
    refuses it, has refused.
    """
    decision, code = dialect.read(answer)
    if decision != "accept":
        return decision, code
    told, credentials = (answer.header(f"Access-Control-Allow-{name}").strip() for name in ("Origin", "Credentials"))
    return ("accept", "") if (told, credentials) == (origin, "true") else ("deny", "not_allowed")


def at_page(answer: Answered, dialect: Dialect = STAND_IN, *, markup: bytes) -> tuple[Decision, str]:
    """Whether ``markup`` that was sent stands in the page that is answered: accepted where a browser would read it as
    such. Whoever escapes it, or says that it is no page, has refused.
    """
    if answer.status == 0:
        return "undecided", answer.error
    told = answer.header("Content-Type").partition(";")[0].strip().lower()
    is_page = told in _PAGES or (not told and answer.header("X-Content-Type-Options").strip().lower() != "nosniff")
    return ("accept", "") if is_page and markup in answer.body else ("deny", "markup_not_repeated")


def identity_seen(
    answer: Answered, dialect: Dialect = STAND_IN, *, forged: str, with_token: bool
) -> tuple[Decision, str]:
    """Whether a service took ``forged``, sent by the client in identity headers, for the caller.

    The service says whom it saw: the members ``subject`` and ``client`` of its answer. Without a token there is nobody
    to see: any 2xx accepts. With one, a refusal is about the token and decides nothing.
    """
    decision, code = dialect.read(answer)
    if decision != "accept":
        return ("undecided", code) if with_token else (decision, code)
    seen = json_object(answer.body)
    if not with_token or forged in (seen.get("subject"), seen.get("client")):
        return "accept", ""
    return ("deny", "identity_headers_ignored") if seen.get("subject") else ("undecided", "bad_body")


def at_idp(answer: Answered) -> tuple[Decision, str]:
    """The decision of a request at the token, revocation or userinfo endpoint.

    400, 401 and 403 with an OAuth error refuse (RFC 6749 section 5.2), unless the error says otherwise.
    """
    status = answer.status
    if 200 <= status < 300:
        return "accept", ""
    if status == 0:
        return "undecided", answer.error
    code = oauth_error(answer) or (challenge(answer) if status == 401 else "")
    if status in (400, 401, 403) and code and code not in UNDECIDED_REASONS:
        return "deny", code
    return "undecided", code or f"http_{status}"


def at_refusal(answer: Answered) -> tuple[Decision, str]:
    """The decision of any request to an IdP that must be refused: 2xx accepts it; 400, 401, 403, 404 and 405 refuse it
    unless they say otherwise. Whatever else there is decides nothing.
    """
    if answer.status == 0:
        return "undecided", answer.error
    if 200 <= answer.status < 300:
        return "accept", ""
    code = oauth_error(answer) or challenge(answer) or f"http_{answer.status}"
    return ("deny" if answer.status in _NO and code not in UNDECIDED_REASONS else "undecided"), code


def at_registration(answer: Answered) -> tuple[Decision, str]:
    """The same of a registration (RFC 7591 section 3.2). One too many is not refused but put off: ``rate_limited``, or
    ``rate_limit_untold`` where the answer does not say until when.
    """
    if answer.status != 429:
        return at_idp(answer)
    told = answer.header("Retry-After")
    return "undecided", "rate_limited" if told.isascii() and told.isdigit() else "rate_limit_untold"


def token_answer(answer: Answered) -> tuple[Decision, str, dict[str, Any]]:
    """The same for a token request, with the token response (RFC 6749 section 5.1); empty unless accepted.

    A 2xx whose body is no token response decides nothing: ``bad_body``.
    """
    decision, code = at_idp(answer)
    if decision != "accept":
        return decision, code, {}
    body = json_object(answer.body)
    token = body.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        return "undecided", "bad_body", {}
    return "accept", "", body


def oauth_error(answer: Answered) -> str:
    """The member ``error`` of a JSON error body, if it is a plausible code."""
    code = json_object(answer.body).get("error", "")
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def redirect_error(query: Mapping[str, str]) -> tuple[Decision, str]:
    """The decision in an authorization response (RFC 6749 section 4.1.2.1)."""
    error = query.get("error", "")
    if error:
        code = error if _CODE.fullmatch(error) else "bad_redirect"
        return ("undecided" if code in UNDECIDED_REASONS else "deny"), code
    return ("accept", "") if query.get("code") else ("undecided", "bad_redirect")


def at_redirect(answer: Answered, tampered: str, registered: str) -> tuple[Decision, str]:
    """Whether the IdP sends a user to the redirect URI ``tampered``, which is not the ``registered`` one.

    Any redirect there accepts it, even one that carries an error (RFC 9700 section 4.11.2), and any form that is posted
    there; so does a redirect with a code to anywhere but the registered URI. A page that says no, or an answer to the
    registered URI, refuses.
    """
    status = answer.status
    if status == 0:
        return "undecided", answer.error
    if status in (302, 303, 307):
        return _sent_to(answer.header("Location"), tampered, registered)
    forms = posted_to(answer.body) if status == HTTPStatus.OK else frozenset()
    if any(each.startswith(tampered) for each in forms):
        return "accept", ""
    if forms == {registered}:
        return "deny", "posted_to_registered"
    code = oauth_error(answer) or f"http_{status}"
    return ("deny" if status in (400, 401, 403) and code not in UNDECIDED_REASONS else "undecided"), code


def _sent_to(location: str, tampered: str, registered: str) -> tuple[Decision, str]:
    if location.startswith(tampered):
        return "accept", ""
    where, parameters = (*re.split("[?#]", location, maxsplit=1), "")[:2]
    if where == registered:
        return "deny", "redirected_to_registered"
    return ("accept", "") if "code" in dict(parse_qsl(parameters)) else ("undecided", "bad_redirect")


def json_object(body: bytes) -> dict[str, Any]:
    """A JSON object; empty when it is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def decides_no_refusal(answer: Answered, dialect: Dialect) -> tuple[Decision, str]:
    """The decision where the good token was not accepted before: nobody remembers it, so a refusal shows nothing."""
    decision, code = dialect.read(answer)
    return ("undecided" if decision == "deny" else decision), code
