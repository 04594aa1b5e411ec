"""A gateway of somebody else's making: it validates JWTs by joserfc, passes requests on, and tells nothing.

No state, no reasons, no log of its own; its refusals are a bare 401, its outages a bare 503. Settings come in the
variable ``FOREIGN``, as JSON. It stands in for components that the harness knows nothing of, so nothing is imported
from it or from the stand-ins.
"""

import asyncio
import json
import os
import time
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, web
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

SETTINGS = json.loads(os.environ["FOREIGN"])
ALGORITHMS = ["RS256", "ES256", "EdDSA"]
LEEWAY_S = 1.0


class Keys:
    """The IdP's keys, fetched anew when they are old or a key is not among them."""

    def __init__(self, session: ClientSession) -> None:
        self._session, self._set, self._at = session, None, 0.0
        self._lock = asyncio.Lock()

    async def holding(self, kid: str) -> KeySet | None:
        """A key set that has this key, if one can be had; ``None``: there is none at all."""
        async with self._lock:
            age = time.monotonic() - self._at
            known = self._set is not None and any(key.kid == kid for key in self._set.keys)
            if age > SETTINGS["cache_s"] or (not known and age > SETTINGS["cooldown_s"]):
                await self._fetch()
            return self._set

    async def _fetch(self) -> None:
        self._at = time.monotonic()
        try:
            async with self._session.get(f"{SETTINGS['idp_url']}/jwks") as answer:
                self._set = KeySet.import_key_set(await answer.json())
        except (ClientError, TimeoutError, ValueError, JoseError):
            pass  # what is known goes on being used


def claims_of(token: str, keys: KeySet) -> dict[str, Any]:
    """The claims of a good token.

    Raises:
        JoseError, ValueError: it is none.
    """
    decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
    if str(decoded.header.get("typ", "")).lower() not in ("at+jwt", "application/at+jwt"):
        raise ValueError("no access token")
    claims, now = decoded.claims, time.time()
    audience = claims.get("aud")
    if claims.get("iss") != SETTINGS["issuer"] or SETTINGS["audience"] not in (
        audience if isinstance(audience, list) else [audience]
    ):
        raise ValueError("not for us")
    if "skips_exp" not in SETTINGS["defects"] and now >= claims["exp"] + LEEWAY_S:
        raise ValueError("expired")
    if now < claims.get("nbf", now) - LEEWAY_S or SETTINGS["scope"] not in str(claims.get("scope", "")).split():
        raise ValueError("not yet, or not for that")
    return claims


async def handle(request: web.Request) -> web.Response:
    """Validate, and pass on."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    keys, session = request.app["keys"], request.app["session"]
    if kind != "Bearer" or token.count(".") != 2:
        return web.Response(status=401)
    try:
        known = await keys.holding(str(jwt_header(token).get("kid")))
        if known is None:
            return web.Response(status=503)
        claims_of(token, known)
    except (JoseError, ValueError, KeyError, TypeError):
        return web.Response(status=401)
    try:
        passed_on = {"Authorization": request.headers["Authorization"]}
        async with session.get(f"{SETTINGS['upstream']}{request.path}", headers=passed_on) as answer:
            return web.Response(status=answer.status, body=await answer.read(), content_type="application/json")
    except (ClientError, TimeoutError):
        return web.Response(status=502)


def jwt_header(token: str) -> dict[str, Any]:
    """What a token's header says; nothing of it is believed."""
    from base64 import urlsafe_b64decode

    head = token.partition(".")[0]
    found = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    return found if isinstance(found, dict) else {}


async def serve(_: web.Request) -> web.Response:
    """The service behind it."""
    return web.json_response({"orders": []})


async def main() -> None:
    """Listen until the process is ended."""
    app = web.Application()
    async with ClientSession(timeout=ClientTimeout(total=2)) as session:
        if "upstream" in SETTINGS:
            app["session"], app["keys"] = session, Keys(session)
        app.router.add_route("*", "/{path:.*}", handle if "upstream" in SETTINGS else serve)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        host, _, port = SETTINGS["listen"].rpartition(":")
        await web.TCPSite(runner, host, int(port)).start()
        print(json.dumps({"ready": True}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
