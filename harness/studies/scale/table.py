"""The tables of a study at scale: a row a case that was simulated, and what is in each column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idchaos.studies.scale.study import Scaled

COLUMNS: Mapping[str, str] = {
    "part": "herd, together, capacity, keys, rotation, cadence or revocation: what was simulated",
    "case": "how clients or gateways behave, or what is done",
    "outage_s": "length of the outage, seconds",
    "capacity_rps": "what the token endpoint can do, requests per second; of part capacity: what is needed",
    "capacity_foretold_rps": "the same by the closed form",
    "refusal_cost": "what refusing a request takes of what serving one takes",
    "usual_rps": "requests per second when all is well",
    "worst_rps": "most requests in a second at any time",
    "peak_rps": "most requests in a second after the outage, the rotation, or the common beginning",
    "peak_foretold_rps": "the same by the closed form; empty: there is none",
    "wave_rps": "most attempts in a second in the life of a token after all were served",
    "drained_s": "seconds after the outage until nobody waited; empty: not within the study's patience",
    "drained_foretold_s": "the same by the closed form",
    "collapsed": "whether refusals take so much, by the closed form, that the herd only grows",
    "attempts_per_refresh": "attempts for each token that was got, from the outage on",
    "refused_most": "most sessions without a live token at one moment",
    "refused_session_h": "hours without a live token, summed over sessions",
    "without_share": "greatest share of gateways without keys",
    "without_foretold": "the same by the closed form",
    "healed_s": "seconds after the outage until every gateway had keys",
    "within_s": "seconds after the outage in which everybody is to be served",
    "times": "multiple of the usual requests per second",
    "vcpus": "by Keycloak's sizing: a vCPU for 120 refreshes a second, and 150 % head-room",
    "jitter": "of refreshes, as a share of a token's life",
    "lead_s": "seconds that a key was published before it signed",
    "known_s": "seconds until the last gateway had the new key",
    "refused": "API calls refused for an unknown key",
    "every_s": "seconds between rotations",
    "keys_in_set": "keys in the JWKS, on average",
    "jwks_gb_per_day": "GB of key sets sent a day",
    "surprised_fetches_per_day": "fetches a day by unknown kids, if keys are not published before they sign",
    "leaked_s": "seconds for which a key that leaked unnoticed makes tokens that are accepted",
    "half_s": "seconds until half of the gateways know of a revocation; by expiry: half of revoked tokens are out",
    "most_s": "the same for 99 of 100",
    "last_s": "seconds until all of them know, in half of revocations",
    "worst_s": "the longest that it can take",
    "idp_rps": "what it costs, requests per second at the IdP",
}
"""The data dictionary."""

_PARTS = {
    "herd": ("herds", "clients"),
    "together": ("together", ""),
    "capacity": ("capacities", ""),
    "keys": ("keys", "gateways"),
    "rotation": ("rotations", "how"),
    "cadence": ("cadences", ""),
    "revocation": ("reached", "how"),
}


def rows_of(scaled: Scaled) -> list[dict[str, Any]]:
    """A flat row a case; columns as :data:`COLUMNS` says, in that order."""
    rows = []
    for part, (field, name) in _PARTS.items():
        for case in getattr(scaled, field):
            row = case.model_dump(mode="json")
            if part == "capacity":
                row["capacity_rps"], row["capacity_foretold_rps"] = row.pop("needed_rps"), row.pop("foretold_rps")
            rows.append({"part": part, "case": row.pop(name, None)} | row)
    return [{column: row.get(column) for column in COLUMNS} for row in rows]
