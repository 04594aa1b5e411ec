"""What a run takes for granted of a gateway, tried with a handful of requests: a good token passes, a bad one does not,
and keys were fetched over the link that is there for it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import httpx

from idchaos.dialects import Said
from idchaos.errors import TargetError, UndecidableError
from idchaos.graph import Graph, Route
from idchaos.targets.endpoints import Client, Endpoints, Gateway
from idchaos.targets.observer import ObservesLinks
from idchaos.targets.oidc import OidcClient
from idchaos.trust import trusting
from idchaos.values import Value

GOOD_WITHIN_S = 8.0
"""So soon a gateway must have its keys once it listens."""
PATIENCE_S = 5.0
SHOWN = 120
"""Characters of a body that are shown: what a gateway says of a refusal."""


class Finding(Value):
    """One thing that was tried."""

    ok: bool
    what: str
    """One line: who did what."""
    advice: str = ""
    """What to do about it, where it is not well."""
    misleading: bool = False
    """Whether a run would go on and mean nothing, which is another thing than that it can't go on."""


@dataclass
class Answer:
    """Implements :class:`idchaos.dialects.Answered`."""

    status: int
    error: str
    body: bytes
    headers: httpx.Headers

    def header(self, name: str) -> str:
        """A header's value; empty where it is absent."""
        return str(self.headers.get(name, ""))

    @property
    def told(self) -> str:
        """The status and what was said, for a sentence."""
        text = " ".join(self.body[: 4 * SHOWN].decode(errors="replace").split())[:SHOWN]
        return f"{self.status} {text}".strip() if self.status else f"no answer ({self.error})"


def check_before_load(endpoints: Endpoints, graph: Graph, observes: ObservesLinks) -> None:
    """Insist that all is well.

    Raises:
        TargetError: the first thing that is not.
        UndecidableError: keys come by another way, so that faults on the links would prove nothing.
    """
    insist_on(findings(endpoints, graph, observes))


def insist_on(tried: Iterable[Finding]) -> None:
    """Look no further than the first thing that is not well.

    Raises:
        TargetError: what it is, and what would be right.
        UndecidableError: the same, where a run would go on and mean nothing.
    """
    for finding in tried:
        if not finding.ok:
            said = f"{finding.what}: {finding.advice}"
            raise UndecidableError(said) if finding.misleading else TargetError(said)


def findings(endpoints: Endpoints, graph: Graph, observes: ObservesLinks) -> Iterator[Finding]:
    """Everything that is tried, as it is: each gateway and route, then each gateway's link to its keys.

    Raises:
        TargetError: the IdP gives no token, or the observer does not answer.
    """
    token = good_token(endpoints)
    for gateway in endpoints.gateways:
        yield from decided(endpoints, gateway, token)
        yield fetched(graph, gateway, observes)


def decided(endpoints: Endpoints, gateway: Gateway, token: str, within_s: float = GOOD_WITHIN_S) -> Iterator[Finding]:
    """What one gateway decides about a good token and about bad ones, at each route. ``within_s``: so long the first
    good one may take to pass.
    """
    verify = trusting(endpoints.ca_file)
    with httpx.Client(timeout=PATIENCE_S, trust_env=False, verify=verify) as http:
        patience_s = within_s
        for route in endpoints.routes:
            passes = _passes(http, endpoints, gateway, route, token, patience_s)
            patience_s = within_s if passes.ok else 0.0
            yield passes
            if passes.ok and route.posts:
                yield _posted(http, gateway, route, token)
            yield _refused(http, gateway, route, token)


def good_token(endpoints: Endpoints) -> str:
    """A token of the first client that gets one for itself.

    Raises:
        TargetError: none does, or the IdP gives none.
    """
    client = _machine(endpoints)
    oidc = OidcClient(endpoints, Counter(), Counter())
    try:
        return oidc.token(client)
    finally:
        oidc.close()


def _machine(endpoints: Endpoints) -> Client:
    able = (each for each in endpoints.clients if "client_credentials" in each.grants and each.client_secret)
    found = next(able, None)
    if found is None:
        raise TargetError("the IdP has no client that gets tokens for itself")
    return found


def _passes(  # noqa: PLR0917 - one request, and all that it takes
    http: httpx.Client, endpoints: Endpoints, gateway: Gateway, route: Route, token: str, within_s: float
) -> Finding:
    deadline = time.monotonic() + within_s
    while True:
        answer = ask(http, gateway, route, token)
        said = gateway.dialect.read(answer)[0]
        if said == "accept":
            return Finding(ok=True, what=f"{gateway.name}: a good token for {route.path} passes")
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    advice = {
        "deny": f"its issuer should be {endpoints.issuer}, its audience {route.audience}, its keys those of the IdP"
        " through its own link",
        "undecided": "it should reach the IdP's keys and the service over the addresses that it was told",
    }
    what = f"{gateway.name}: no good token for {route.path} passes: {answer.told}"
    return Finding(ok=False, what=what, advice=advice[said])


def _posted(http: httpx.Client, gateway: Gateway, route: Route, token: str) -> Finding:
    answer = ask(http, gateway, route, token, "POST")
    if gateway.dialect.read(answer)[0] == "accept":
        return Finding(ok=True, what=f"{gateway.name}: a POST with a good token for {route.path} passes")
    what = f"{gateway.name}: no POST with a good token for {route.path} passes: {answer.told}"
    return Finding(ok=False, what=what, advice="let it through, or say gateway.posts = false in its file")


def _refused(http: httpx.Client, gateway: Gateway, route: Route, token: str) -> Finding:
    """A token with a broken signature is the surest bad one."""
    head, _, signature = token.rpartition(".")
    middle = len(signature) // 2
    broken = signature[:middle] + ("A" if signature[middle] != "A" else "B") + signature[middle + 1 :]
    tried: list[tuple[str, Answer, Said]] = []
    for name, each in (("a broken signature", f"{head}.{broken}"), ("no token", "")):
        answer = ask(http, gateway, route, each)
        tried.append((name, answer, gateway.dialect.read(answer)[0]))
    for name, answer, said in tried:
        if said == "accept":
            what = f"{gateway.name}: a request with {name} for {route.path} passes: {answer.status}"
            return Finding(ok=False, what=what, advice="it should ask for a token there, and verify it")
    untold = [answer for _, answer, said in tried if said == "undecided"]
    if untold:
        many = f"{len(untold)} answers of status {untold[0].status}"
        what = f"{gateway.name}: {many} fit no rule of the dialect {gateway.dialect.name}"
        return Finding(ok=False, what=what, advice=f"say what a refusal looks like; this was one: {untold[0].told}")
    return Finding(ok=True, what=f"{gateway.name}: a bad token for {route.path} is refused: {tried[0][1].status}")


def fetched(graph: Graph, gateway: Gateway, observes: ObservesLinks) -> Finding:
    link = graph.link_between(gateway.name, graph.idp)
    if link is None or gateway.name not in graph.keepers_of_keys:
        return Finding(ok=True, what=f"{gateway.name}: keeps no keys")
    seen = observes.observed()[link.name].of("jwks").requests
    if seen:
        return Finding(ok=True, what=f"{gateway.name}: key fetches were seen on {link.name} ({seen})")
    what = f"{gateway.name}: it lets good tokens pass, and no key fetch was seen on its link {link.name}"
    advice = "it should fetch its keys there and nowhere else, or a fault on that link would prove nothing"
    return Finding(ok=False, what=what, advice=advice, misleading=True)


def ask(http: httpx.Client, gateway: Gateway, route: Route, token: str, method: str = "GET") -> Answer:
    """One request, whatever becomes of it. No redirect is followed."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        # Each on a connection of its own: a gateway may close what it refuses.
        answer = http.request(method, gateway.url + route.path, headers={**headers, "Connection": "close"})
    except httpx.HTTPError as error:
        return Answer(0, type(error).__name__, b"", httpx.Headers())
    return Answer(answer.status_code, "", answer.content, answer.headers)
