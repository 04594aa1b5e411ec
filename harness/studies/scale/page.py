"""The page of a study at scale: what was found in sentences, plots, and a table for each part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from idchaos.report.canvas import NARROW, WIDE, Picture
from idchaos.report.page import filled
from idchaos.studies.countable import Uncounted
from idchaos.studies.scale import plots
from idchaos.studies.scale.fleet import Waiting
from idchaos.studies.scale.measured import HerdCheck, unsure
from idchaos.studies.scale.study import BEGIN_WITHIN_S, Found, HerdCase, Scaled
from idchaos.studies.words import amount, rate, time

PAGE = "study.html"
NEVER = "never"


def page(found: Found, command: str, checks: Sequence[HerdCheck] = (), uncounted: Sequence[Uncounted] = ()) -> str:
    """One self-contained page."""
    scaled = found.scaled
    return filled(
        "scale.html.j2",
        wide=WIDE,
        narrow=NARROW,
        title=title(scaled),
        findings=findings(scaled),
        sections=[*_sections(found), *([_check_section(checks)] if checks else [])],
        checks=checks,
        doubts=unsure(checks),
        uncounted=[each.told() for each in uncounted],
        command=command,
    )


def title(scaled: Scaled) -> str:
    """What was simulated."""
    asked = scaled.asked
    return (
        f"{asked.sessions:,} sessions, {asked.gateways:,} gateways in {asked.regions} "
        f"region{'s' if asked.regions > 1 else ''}: tokens of {time(asked.access_ttl_s)}, "
        f"keys cached for {time(asked.jwks_cache_s)}"
    )


def findings(scaled: Scaled) -> list[str]:
    """What was found, as sentences."""
    worst, best = _of_middle(scaled)
    said = [
        f"All is well at {rate(scaled.usual_rps)} token requests/s.",
        f"After {time(worst.outage_s)} without the IdP, clients with {worst.clients} {_ends(worst)}; "
        f"with {best.clients} {_ends(best)}, where it can serve {scaled.asked.capacity:g} times the usual.",
    ]
    for need in scaled.capacities:
        if need.times is None:
            said.append(f"No capacity serves everybody within {time(need.within_s)} after {time(need.outage_s)}.")
        elif need.outage_s == worst.outage_s:
            said.append(
                f"To have served everybody {time(need.within_s)} after that outage takes {need.times:.2g} times the "
                f"usual capacity, {rate(need.needed_rps or 0)} requests/s."
            )
    if scaled.asked.regions > 1:
        spare = scaled.asked.regions / (scaled.asked.regions - 1)
        said.append(f"If the IdP of one region is lost and the others take its sessions, each needs {spare:.3g} times.")
    first, last = scaled.keys[0], scaled.keys[-1]
    worst_rps = max(each.worst_rps for each in scaled.keys if each.gateways == first.gateways)
    said.append(
        f"Key fetches come to {amount(worst_rps)}/s where {first.gateways}, and to {amount(last.worst_rps)}/s with "
        f"{last.gateways}."
    )
    return said


def _of_middle(scaled: Scaled) -> tuple[HerdCase, HerdCase]:
    lengths = sorted(scaled.asked.outages_s)
    of_middle = [each for each in scaled.herds if each.outage_s == lengths[len(lengths) // 2]]
    return of_middle[0], of_middle[-1]


def _ends(case: HerdCase) -> str:
    if case.drained_s is None:
        return "never get it back: refusing them takes all it can do" if case.collapsed else "are not served in time"
    return f"are all served {time(case.drained_s)} after it is back"


def _sections(found: Found) -> list[dict[str, Any]]:
    scaled = found.scaled
    return [
        _herd_section(found),
        _capacity_section(scaled),
        _together_section(scaled),
        _keys_section(found),
        _rotation_section(scaled),
        _revocation_section(scaled),
        _section("day", "A day", "Back-off with jitter; an outage at noon.", [plots.day(found.day)]),
    ]


def _herd_section(found: Found) -> dict[str, Any]:
    scaled = found.scaled
    worst, _ = _of_middle(scaled)
    drawn = [
        plots.herds(found.traces, worst.capacity_rps, f"An outage of {time(worst.outage_s)}."),
        plots.refused(found.traces, scaled.asked.sessions),
    ]
    rows = [
        [
            f"{case.clients}, {time(case.outage_s)}",
            amount(case.peak_rps),
            NEVER if case.drained_s is None else time(case.drained_s),
            NEVER if case.collapsed else "" if case.drained_foretold_s is None else time(case.drained_foretold_s),
            "" if case.drained_s is None else rate(case.attempts_per_refresh),
            f"{case.refused_most / scaled.asked.sessions:.0%}",
            amount(round(case.refused_session_h)),
            "" if case.drained_s is None else amount(case.wave_rps),
        ]
        for case in scaled.herds
    ]
    heads = ("Clients, outage", "#Peak/s", "#All served after", "#Closed form", "#Attempts per token",
             "#Refused at worst", "#Hours refused", "#Next life's peak/s")  # fmt: skip
    waits = ", ".join(f"{each:g}" for each in Waiting(growth=2).waits_s())
    note = (
        f"The IdP serves {rate(worst.capacity_rps)}/s; refusing a request takes {worst.refusal_cost:.0%} of serving "
        f"one. Without back-off clients ask once a second; with it after {waits} s, and with jitter half of that "
        f"more or less. {NEVER.capitalize()}: not within {time(scaled.asked.patience_s)}. The closed form is "
        "backlog / (capacity - arrivals), for clients that keep the IdP busy and refusals that cost nothing: "
        "back-off takes longer, refusals can take for ever."
    )
    return _section("herd", "The herd after an outage", "Every session whose refresh fell due meanwhile wants a token "
                    "when the IdP is back, and so do those that keep coming.", drawn, heads, rows, note)  # fmt: skip


def _capacity_section(scaled: Scaled) -> dict[str, Any]:
    rows = [
        [
            time(case.outage_s),
            "none is enough" if case.needed_rps is None else rate(case.needed_rps),
            rate(case.foretold_rps),
            "" if case.times is None else f"{case.times:.2f}",
            "" if case.vcpus is None else rate(case.vcpus),
        ]
        for case in scaled.capacities
    ]
    return _section(
        "capacity",
        "What recovering needs",
        f"For everybody to be served {time(scaled.asked.recover_within_s)} after the outage, by clients that back off.",
        [],
        ("Outage", "#Requests/s", "#Closed form", "#Times the usual", "#vCPUs"),
        rows,
        "vCPUs by Keycloak's published sizing: one for 120 refreshes a second, and 150 % head-room. "
        "The closed form, arrivals + backlog / time, is for clients that leave nothing of it idle.",
    )


def _together_section(scaled: Scaled) -> dict[str, Any]:
    rows = [
        [f"{case.jitter:.0%} of a life", rate(case.peak_rps), rate(case.peak_foretold_rps), f"{case.times:.3g}"]
        for case in scaled.together
    ]
    return _section(
        "together",
        "All sessions begin together",
        f"Everybody logs in within {time(BEGIN_WITHIN_S)}, as when a shift begins; their first refreshes.",
        [],
        ("Jitter of refreshes", "#Peak/s", "#Closed form", "#Times the usual"),
        rows,
        "Closed form: sessions / the wider of that time and the span of jitter.",
    )


def _keys_section(found: Found) -> dict[str, Any]:
    scaled = found.scaled
    rows = [
        [
            f"{case.gateways}, {time(case.outage_s)}",
            rate(case.usual_rps),
            amount(case.worst_rps),
            amount(case.peak_rps),
            f"{case.without_share:.0%}",
            f"{case.without_foretold:.0%}",
            NEVER if case.healed_s is None else time(case.healed_s),
        ]
        for case in scaled.keys
    ]
    heads = ("Gateways, outage", "#Usual/s", "#Most/s", "#Most/s once it is back", "#Without keys", "#Closed form",
             "#All have keys after")  # fmt: skip
    drawn: list[Picture] = [plots.stampedes(found.stampedes)]
    return _section("keys", "The stampede on the keys", f"{scaled.asked.gateways:,} caches, "
                    f"{rate(scaled.calls_rps / scaled.asked.gateways)} calls/s at each. A gateway without keys refuses "
                    "all it is asked.", drawn, heads, rows)  # fmt: skip


def _rotation_section(scaled: Scaled) -> dict[str, Any]:
    without = {case.how: case.refused for case in scaled.rotations if case.lead_s == 0}
    plain, behind = without.values()
    rows = [
        [
            time(each.every_s),
            f"{each.keys_in_set:.3g}",
            f"{each.jwks_gb_per_day:.3g}",
            amount(each.surprised_fetches_per_day),
            amount(plain * 86_400 / each.every_s),
            amount(behind * 86_400 / each.every_s),
            time(each.leaked_s),
        ]
        for each in scaled.cadences
    ]
    told = "; ".join(
        f"{case.how}: {amount(case.refused)} calls refused, the last gateway knew it after "
        f"{'no time' if case.known_s == 0 else time(case.known_s or 0)}, {amount(case.peak_rps)} fetches/s"
        for case in scaled.rotations
    )
    return _section(
        "rotation",
        "What a cadence of rotations costs",
        f"Next to nothing, if keys are published {time(scaled.published_before_s)} before they sign: a cache's life, "
        "and an edge's before it. Otherwise, for each rotation:",
        [],
        ("Every", "#Keys in the set", "#GB of keys a day", "#Fetches by surprise a day", "#Calls refused a day",
         "#The same behind a CDN", "#A leaked key is good for"),
        rows,
        f"One rotation. {told}.",
    )  # fmt: skip


def _revocation_section(scaled: Scaled) -> dict[str, Any]:
    rows = [
        [
            way.how,
            time(way.half_s),
            time(way.most_s),
            time(round(way.last_s, 2)),
            time(way.worst_s),
            amount(way.idp_rps),
        ]
        for way in scaled.reached
    ]
    return _section(
        "revocation",
        "When a revocation has reached everyone",
        "Closed forms: gateways poll at moments of their own, so the last of many takes nearly the whole period.",
        [],
        ("By", "#Half", "#99 of 100", "#All, median", "#Worst", "#Requests/s at the IdP"),
        rows,
        "By expiry alone all gateways refuse at once: the shares are of revoked tokens, by how old they were.",
    )


def _check_section(checks: Sequence[HerdCheck]) -> dict[str, Any]:
    rows = [
        [
            f"{check.sessions} sessions: {each.what}",
            f"{each.foretold:.3g}",
            f"{each.counted:.3g}",
            f"{each.error:+.1%}",
            f"±{each.noise:.1%}",
        ]
        for check in checks
        for each in check.compared
    ]
    return _section(
        "model",
        "The simulation against what was counted",
        "Runs with real sessions through an outage of the token endpoint, each simulated with its own settings.",
        [],
        ("Run", "#Simulated/s", "#Counted/s", "#Error", "#Chance alone (95 %)"),
        rows,
    )


def _section(  # noqa: PLR0917 (a page reads in this order)
    slug: str,
    title: str,
    lead: str,
    drawn: list[Picture],
    heads: tuple[str, ...] = (),
    rows: list[list[str]] | None = None,
    note: str = "",
) -> dict[str, Any]:
    return {
        "slug": slug,
        "title": title,
        "lead": lead,
        "plots": drawn,
        "heads": heads,
        "rows": rows or [],
        "note": note,
    }
