"""What everybody can see of an IdP's keys: the key set, and the kid of a token that was just issued."""

from __future__ import annotations

import base64
import json
from collections import Counter
from typing import Any

import httpx

from idchaos.errors import TargetError
from idchaos.targets.capabilities import PROBE_HEADER
from idchaos.targets.endpoints import Endpoints
from idchaos.targets.oidc import OidcClient
from idchaos.targets.systems.discovery import PATIENCE_S, why
from idchaos.trust import trusting


def published(endpoints: Endpoints, jwks_uri: str) -> dict[str, str]:
    """kid -> alg of every key that may be used for signatures (RFC 7517 section 4.2).

    Raises:
        TargetError: there is no key set.
    """
    try:
        with httpx.Client(timeout=PATIENCE_S, trust_env=False, verify=trusting(endpoints.ca_file)) as http:
            answer = http.get(jwks_uri, headers=PROBE_HEADER)
        keys = answer.json()["keys"] if answer.status_code == 200 else []
        return {str(key["kid"]): str(key.get("alg", "")) for key in keys if key.get("use", "sig") == "sig"}
    except httpx.HTTPError as error:
        raise TargetError(f"idp: {jwks_uri}: {why(error)}") from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise TargetError(f"idp: {jwks_uri}: no key set") from None


def signs(endpoints: Endpoints, sent: Counter[str], unanswered: Counter[str]) -> str:
    """The kid of a token that is issued now; empty where it says none.

    Raises:
        TargetError: none is issued.
    """
    oidc = OidcClient(endpoints, sent, unanswered)
    try:
        return kid_of(oidc.token(endpoints.clients[0]))
    finally:
        oidc.close()


def kid_of(token: str) -> str:
    """The key name in a JWT's header (RFC 7515 section 4.1.4); empty where there is none."""
    return str(part_of(token, 0).get("kid", ""))


def part_of(token: str, number: int) -> dict[str, Any]:
    """The header (0) or the claims (1) of a JWT, unverified; empty for anything else."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[number] + "=" * (-len(parts[number]) % 4)))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
