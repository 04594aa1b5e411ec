"""The table of a study of lifetimes: a row a choice of the frontier, and what is in each column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idchaos.studies.lifetimes.study import Study

COLUMNS: Mapping[str, str] = {
    "recommended": "whether it is the one to take",
    "knee": "whether more requests buy little beyond it",
    "access_ttl_s": "life of an access token, seconds",
    "jwks_cache_s": "life of a cache of keys",
    "jwks_stale_s": "how long keys that ran out are used while no new ones can be had",
    "revocation": "how validators learn of a revocation: expiry, list or introspection",
    "revocation_cache_s": "how old a list, or an answer about a token, may be",
    "token_rps": "token requests per second at the IdP",
    "jwks_rps": "key requests per second",
    "introspection_rps": "introspections per second",
    "list_rps": "requests per second for the list of revoked tokens",
    "idp_rps": "all of them",
    "money_per_month": "by the price file, in its currency; empty: there is none",
    "revoked_mean_s": "seconds for which a revoked token is accepted, on average",
    "revoked_p95_s": "the same for 19 of 20",
    "revoked_worst_s": "the longest",
    "stolen_worst_s": "seconds for which a stolen token is good whose theft nobody notices",
    "key_worst_s": "seconds for which tokens of a withdrawn key are accepted, if the IdP can't be reached meanwhile",
    "unnoticed_s": "the longest outage of the IdP that no session notices, seconds",
}
"""The data dictionary."""


def rows_of(study: Study) -> list[dict[str, Any]]:
    """A flat row a choice; columns as :data:`COLUMNS` says, in that order."""
    rows = []
    for each in study.frontier:
        row = {
            "recommended": each == study.recommendation.chosen,
            "knee": each == study.knee,
            "idp_rps": each.cost.idp_rps,
            "money_per_month": each.money_per_month,
        }
        for part in (each.choice, each.cost, each.exposure, each.availability):
            row |= part.model_dump(mode="json")
        rows.append({column: row[column] for column in COLUMNS})
    return rows
