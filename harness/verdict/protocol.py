"""What an IdP did with what may be used once or for so long, and with answers to logins: counted. Pure.

Each function takes samples and gives a :class:`Tally`; nothing is estimated, so there is no interval.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import pandas as pd

from idchaos.planning.redirects import ALWAYS

FLAWED_AT: Final = {"state_mismatch": "login", "iss_mismatch": "login", "nonce_mismatch": "token"}
"""Why a client does not take an answer for its own, and the endpoint whose answers show it."""
LOGINS: Final = frozenset({"login", "native_login", "two_tabs", "lost_answer"})
"""Flows that log users in with the care of a good client."""


@dataclass(frozen=True, slots=True)
class Tally:
    """A count, and of how many samples. ``nan``: it can't be told from them."""

    count: float
    samples: int
    note: str = ""


def unbound_answers(frame: pd.DataFrame, flaws: Collection[str]) -> Tally:
    """Answers to logins that are not bound to the client's own request, by ``flaws``, keys of ``FLAWED_AT``."""
    answers = frame[frame["flow"].isin(LOGINS) & frame["expected"].eq("accept")]
    answers = answers[answers["endpoint"].isin({FLAWED_AT[flaw] for flaw in flaws})]
    answers = answers[answers["decision"].eq("accept") | answers["error_code"].isin(FLAWED_AT)]
    if answers.empty:
        return Tally(math.nan, 0, "no login was answered")
    found = answers["error_code"].isin(flaws)
    return Tally(float(found.sum()), len(answers))


def most_accepted_at_once(frame: pd.DataFrame) -> Tally:
    """How many of those who used the same code, refresh token or assertion at the same moment were served: the most.

    Only replays in which each request was decided and one was served can show that a second one was not.
    """
    tried = frame[frame["flow"].eq("parallel_replay") & frame["sent_at"].notna()]
    if tried.empty:
        return Tally(math.nan, 0, "nothing was replayed in parallel")
    replays = (
        tried.assign(
            accepted=tried["decision"].eq("accept"),
            undecided=tried["decision"].eq("undecided"),
            kind=tried["session"].map(lambda session: str(session).split(":")[1]),
        )
        .groupby(["kind", "session"])[["accepted", "undecided"]]
        .sum()
    )
    more = replays[replays["accepted"] > 1]
    told = replays[(replays["undecided"] == 0) & (replays["accepted"] == 1)]
    shown = pd.concat([more, told]).reset_index()
    if shown.empty:
        return Tally(math.nan, 0, "of no parallel replay was each request decided and one accepted")
    most = shown.groupby("kind")["accepted"].max()
    return Tally(float(most.max()), len(tried), "; ".join(f"{kind}: {int(count)}" for kind, count in most.items()))


def sessions_beyond_policy(frame: pd.DataFrame) -> Tally:
    """Sessions that were refreshed when they were older than they may become."""
    tried = frame[frame["flow"].eq("refresh") & frame["expected"].eq("deny") & frame["decision"].ne("undecided")]
    if tried.empty:
        return Tally(math.nan, 0, "no session was refreshed beyond the policy, or there is none")
    return Tally(float(tried.loc[tried["decision"].eq("accept"), "session"].nunique()), len(tried))


def limits_untold(frame: pd.DataFrame) -> Tally:
    """Registrations that were one too many, or failed, and were not told when to try again (RFC 6585 section 4)."""
    tried = frame[frame["endpoint"].eq("register") & frame["status"].gt(0) & frame["canary"].eq("")]
    put_off = tried[tried["status"].eq(429) | tried["status"].ge(500)]
    if put_off.empty:
        return Tally(math.nan, 0, "no registration was put off")
    return Tally(float(put_off["error_code"].ne("rate_limited").sum()), len(put_off))


def tampered_redirects_accepted(frame: pd.DataFrame) -> Tally:
    """Of the ways to tamper with a redirect URI, those that an IdP redirected to. Nothing is known of the whole before
    each way that there always is was tried and decided.
    """
    tried = frame[frame["canary"].eq("redirect_tampered") & frame["decision"].isin(["accept", "deny"])]
    ways = tried["session"].map(lambda session: str(session).removeprefix("canary:").partition("+")[0])
    accepted = sorted(set(ways[tried["decision"].eq("accept")]))
    untried = sorted(ALWAYS - set(ways))
    note = f"accepted: {', '.join(accepted)}" if accepted else ""
    if untried and not accepted:
        return Tally(math.nan, len(tried), f"{len(untried)} ways were not tried, {untried[0]} among them")
    return Tally(float(len(accepted)), len(tried), note or f"{ways.nunique()} ways were tried")
