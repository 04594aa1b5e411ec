"""Defects: what the stand-ins can be told to do wrong, so that the judge can be judged. The one list of them.

A defect is asked for by name; each part of the stand-in system is told its own share of it in its settings document.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Literal

from idchaos.components import GATEWAYS, IDP, SERVICES
from idchaos.errors import UsageError
from idchaos.topologies import DEFAULT_TOPOLOGY, TOPOLOGIES, Need, Topology
from idchaos.values import Value

Who = Literal["idp", "gateways", "deciders", "second decider", "validators", "trusting services"]
"""``deciders`` decide about clients' tokens; ``validators`` do too, or check again; ``trusting services`` do neither
without a gateway. Which parts these are depends on the topology.
"""
KEYS = (Need.KEYS,)


class Defect(Value):
    """One way to be wrong."""

    name: str
    meaning: str
    """One sentence."""
    who: tuple[Who, ...] = ("validators",)
    """Who can be wrong in that way."""
    told: str = ""
    """What their settings call it, where that is not its name."""
    needs: tuple[Need, ...] = ()
    """What a topology must have, or nobody could have this defect."""

    def parts(self, topology: Topology) -> tuple[str, ...]:
        """The components that are told of it: none where nobody could have it."""
        if topology.lacks(self.needs):
            return ()
        found: dict[Who, tuple[str, ...]] = {
            "idp": (IDP,),
            "gateways": GATEWAYS,
            "deciders": topology.deciders,
            "second decider": topology.deciders[1:2],
            "validators": (*topology.deciders, *topology.validators),
            "trusting services": tuple(name for name in SERVICES if name not in topology.deciders),
        }
        return tuple(dict.fromkeys(part for who in self.who for part in found[who]))


DEFECTS: Mapping[str, Defect] = {
    defect.name: defect
    for defect in (
        # Decisions
        Defect(
            name="fail_open_on_jwks_outage",
            meaning="Without usable keys, a token's signature is taken on trust.",
            needs=KEYS,
        ),
        Defect(
            name="fail_open_on_introspection_outage",
            meaning="When introspection fails, an opaque token is taken for active.",
        ),
        Defect(name="no_aud_check", meaning="A token for another audience is accepted."),
        Defect(name="id_token_accepted", meaning="An ID token is taken for an access token.", needs=KEYS),
        Defect(name="no_iss_check", meaning="A token of another issuer is accepted.", needs=KEYS),
        Defect(name="no_exp_check", meaning="A token that has expired is accepted.", needs=KEYS),
        Defect(name="no_nbf_check", meaning="A token that is not valid yet is accepted.", needs=KEYS),
        Defect(name="zero_leeway", meaning="Clocks that differ by a second break good tokens.", needs=KEYS),
        Defect(name="huge_leeway", meaning="Tokens are accepted for an hour beyond their time claims.", needs=KEYS),
        # Signatures and keys
        Defect(name="alg_none_accepted", meaning="An unsigned token (alg: none) is accepted.", needs=KEYS),
        Defect(
            name="hmac_public_key_accepted",
            meaning="A token signed by HMAC, with the public key for a secret, is accepted.",
            needs=KEYS,
        ),
        Defect(
            name="kid_path_followed",
            meaning="A kid is taken for a file's path, and the file for an HMAC secret.",
            needs=KEYS,
        ),
        Defect(
            name="unknown_kid_falls_back_to_any_key",
            meaning="When a token's kid is unknown, any published key may verify it.",
            needs=KEYS,
        ),
        Defect(
            name="retired_key_kept_forever", meaning="Keys that the IdP has withdrawn go on being used.", needs=KEYS
        ),
        Defect(name="keys_never_reloaded", meaning="The key set is fetched once, at the start.", needs=KEYS),
        # The key cache
        Defect(
            name="jwks_refetched_on_each_unknown_kid",
            meaning="Every token with an unknown kid causes a fetch of the key set.",
            needs=KEYS,
        ),
        Defect(
            name="no_single_flight",
            meaning="Requests that need a key fetch at the same time each make their own.",
            needs=KEYS,
        ),
        Defect(
            name="synchronous_refresh",
            meaning="Good requests wait while keys that still serve are refreshed.",
            needs=KEYS,
        ),
        Defect(name="cache_wiped_on_failed_fetch", meaning="A failed fetch throws the good keys away.", needs=KEYS),
        Defect(
            name="bad_jwks_replaces_good_keys", meaning="A body that is no key set replaces the good keys.", needs=KEYS
        ),
        Defect(
            name="failed_fetch_cached_long",
            meaning="After a failed fetch, keys are not fetched for five minutes.",
            needs=KEYS,
        ),
        # Revocation
        Defect(
            name="revocation_ignored",
            meaning="Revoked tokens are accepted until they expire.",
            who=("deciders",),
            needs=KEYS,
        ),
        Defect(
            name="revocation_lost_on_one_replica",
            meaning="One replica of two accepts revoked tokens until they expire.",
            who=("second decider",),
            told="revocation_ignored",
            needs=KEYS,
        ),
        Defect(
            name="revocation_forgotten_after_restart",
            meaning="What was revoked before a gateway started is accepted again.",
            who=("deciders",),
            needs=KEYS,
        ),
        Defect(
            name="introspection_believed_for_long",
            meaning="An opaque token that was active once is taken for active for five minutes.",
            who=("deciders",),
        ),
        # Answers, headers, logs
        Defect(name="refusal_as_500", meaning="A bad token is answered with 500 instead of 401 or 403."),
        Defect(name="outage_as_401", meaning="What could not be decided is answered with 401 instead of 503."),
        Defect(
            name="identity_headers_passed_through",
            meaning="Identity headers that a client sends reach the service, and are believed.",
            who=("gateways", "deciders"),
        ),
        Defect(
            name="service_trusts_anyone",
            meaning="A service takes whoever reaches it for its gateway.",
            who=("trusting services",),
        ),
        Defect(
            name="raw_tokens_in_logs",
            meaning="Whole tokens are written to the logs.",
            who=("idp", "validators"),
        ),
        # The IdP
        Defect(
            name="code_redeemable_twice",
            meaning="An authorization code can be redeemed again.",
            who=("idp",),
        ),
        Defect(
            name="code_redeemable_in_a_race",
            meaning="An authorization code can be redeemed by several who ask at the same moment.",
            who=("idp",),
        ),
        Defect(
            name="assertion_replay_not_detected",
            meaning="A client assertion that was used can be used again.",
            who=("idp",),
        ),
        Defect(
            name="nonce_from_another_request",
            meaning="An ID token carries the nonce of another login.",
            who=("idp",),
        ),
        Defect(name="pkce_not_checked", meaning="A code is redeemed without the right PKCE verifier.", who=("idp",)),
        Defect(
            name="redirect_uri_prefix_match",
            meaning="A redirect URI need only begin like a registered one.",
            who=("idp",),
        ),
        Defect(
            name="redirect_uri_case_ignored",
            meaning="A redirect URI may be spelt in other letters, upper or lower.",
            who=("idp",),
        ),
        Defect(
            name="redirect_uri_decoded_first",
            meaning="A redirect URI is decoded before it is compared.",
            who=("idp",),
        ),
        Defect(
            name="redirect_uri_host_suffix_match",
            meaning="The host of a redirect URI need only end like a registered one.",
            who=("idp",),
        ),
        Defect(
            name="loopback_port_fixed",
            meaning="A native app must come back at the very port that was registered.",
            who=("idp",),
        ),
        Defect(
            name="errors_redirected_anywhere",
            meaning="An error is sent to a redirect URI that was not checked yet.",
            who=("idp",),
        ),
        Defect(
            name="pkce_downgrade_allowed",
            meaning="A code is given without a PKCE challenge, and needs no verifier then.",
            who=("idp",),
        ),
        Defect(name="state_not_echoed", meaning="The answer to a login does not repeat its state.", who=("idp",)),
        Defect(
            name="iss_missing_in_response",
            meaning="The answer to a login does not name the issuer, though the metadata promise it.",
            who=("idp",),
        ),
        Defect(
            name="refresh_reuse_not_detected",
            meaning="A refresh token that was used can be used again.",
            who=("idp",),
        ),
        Defect(
            name="refresh_race_logs_out",
            meaning="A refresh token used twice within its grace ends the session.",
            who=("idp",),
        ),
        Defect(
            name="registration_open",
            meaning="Anybody may register a client, without an initial access token.",
            who=("idp",),
        ),
        Defect(
            name="registration_redirect_unchecked",
            meaning="A client may register any redirect URI, also plain HTTP, scripts and wildcards.",
            who=("idp",),
        ),
        Defect(
            name="registration_limit_untold",
            meaning="Too many registrations are answered with 500, not with 429 and when to try again.",
            who=("idp",),
        ),
        Defect(
            name="session_never_ends",
            meaning="A session can be refreshed for as long as it is used, whatever its absolute limit.",
            who=("idp",),
        ),
        Defect(
            name="machine_tokens_long_lived",
            meaning="Machines are given access tokens that live for a day, whatever the settings say.",
            who=("idp",),
        ),
        Defect(name="old_secret_kept", meaning="A client secret that was replaced stays good.", who=("idp",)),
        Defect(
            name="secret_rotation_keeps_grants",
            meaning="Rotating a compromised client secret leaves the client's tokens alive.",
            who=("idp",),
        ),
    )
}
"""Every defect by name."""


def known(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each once, in the order given.

    Raises:
        UsageError: one is unknown; names the nearest ones, and where to see all.
    """
    chosen = tuple(dict.fromkeys(names))
    for name in chosen:
        if name not in DEFECTS:
            near = difflib.get_close_matches(name, DEFECTS, n=3, cutoff=0.5)
            hint = f"did you mean {', '.join(near)}? " if near else ""
            raise UsageError(f"--defect: {name!r} is unknown; {hint}all of them: idchaos list --defects")
    return chosen


def by_part(names: Iterable[str], topology: Topology = TOPOLOGIES[DEFAULT_TOPOLOGY]) -> dict[str, tuple[str, ...]]:
    """What each component is told: component -> the defects, by the names that its settings know.

    Raises:
        UsageError: nobody in this topology could have one of them.
    """
    told: dict[str, dict[str, None]] = {}
    for defect in (DEFECTS[name] for name in names):
        parts = defect.parts(topology)
        if not parts:
            raise UsageError(f"--defect: {defect.name}: nobody in the topology {topology.name} could have it")
        for part in parts:
            told.setdefault(part, {})[defect.told or defect.name] = None
    return {part: tuple(found) for part, found in told.items()}
