"""State, not tokens: verdicts that are remembered, answers that are another's, and what comes after a fault."""

from __future__ import annotations

from idchaos.targets.standin.defects.model import KEYS, listed
from idchaos.topologies import Need

_OF_EVERYBODY = listed(
    {
        "clients_put_off_for_a_day": "A failure of the IdP sends clients away for a day.",
        "requests_kept": "Each request that was ever decided is kept in memory, good or bad.",
        "verdict_outlives_expiry": "A JWT that was good once is let in for five minutes, also when it has expired.",
        "verdict_outlives_revocation": "A JWT that was good once is let in for five minutes, also when it is revoked.",
        "verdict_outlives_key": "A JWT that was good once is let in for five minutes, also when its key is withdrawn.",
        "verdict_for_any_audience": "A JWT that was good for one audience is then let in to every other.",
        "verdict_for_any_method": "A JWT that was good for one method is then let in by every other.",
        "verdict_for_any_path": "A JWT that was good at one path is then let in everywhere.",
        "verdict_renewed_by_use": "A JWT that was good once is let in for a second, and each use renews that second.",
        "verdict_without_signature": "A JWT is known again by header and claims, whatever its signature.",
        "fetches_end_with_failure": "After the first failed fetch the keys are never fetched again: a lock is kept.",
        "polls_back_off_for_good": "Each failure doubles the pause between two polls of the revocations, for good.",
        "second_of_two_let_in": "Of two requests with one JWT at a time the second does not wait to be judged.",
        "refusal_remembered": "A token that may not do something is refused for a minute wherever it comes.",
        "verdict_by_jti": "A JWT is known again by its jti, whatever else it says.",
        "hot_verdict_outlives_revocation": "A JWT that was let in twenty times is let in for minutes, also revoked.",
        "revoked_only_until_expired": "Past its end, within the leeway, a JWT is not looked up among the revoked.",
        "long_tokens_never_expire": "Of a JWT with long claims the end is not looked at.",
    },
    who=("deciders",),
    needs=KEYS,
) + listed(
    {
        "opaque_verdict_outlives_expiry": "An opaque token that was good once is let in when it has expired.",
        "opaque_verdict_outlives_revocation": "An opaque token that was good once is let in when it is revoked.",
        "opaque_verdict_for_any_audience": "An opaque token that was good for one audience is let in to every other.",
        "opaque_verdict_for_any_method": "An opaque token that was good for one method is let in by every other.",
        "introspection_renewed_by_use": "Each use renews the life of a cached introspection answer.",
        "stale_introspection_served": "An aged introspection answer is believed once more, while it is asked for anew.",
        "remembered_scope_unchecked": "The scope is looked at when introspection answers, not in what is remembered.",
        "opaque_case_ignored": "Introspection answers are remembered by a token in small letters.",
        "inactive_accepted": "Introspection's answer is not read: that it came is enough.",
        "introspected_audience_ignored": "Of an opaque token the audience is not looked at.",
        "identity_of_another": "One request in a hundred is passed on as another user's.",
        "client_of_another": "Services are told of the client that came first, whichever it is.",
        "subject_cut": "Who calls is passed on by the first 64 characters of the name.",
        "subject_folded": "Who calls is passed on in small letters, and without a dot at the end.",
        "opaque_posts_mixed_up": "A POST with an opaque token is passed on as of whoever POSTed before.",
        "answer_of_another": "One request in a hundred is answered with another's body.",
        "connection_authorised_once": "Who comes over a connection after somebody who was let in, is let in as they.",
        "slower_after_fault": "After the first failure of the IdP every answer takes 0.4 s longer, for good.",
    },
    who=("deciders",),
)
_OF_ONE_USER = listed(
    {
        "one_user_unserved": "Who is called by a c gets 503 at one replica, by one client, whatever they ask for.",
        "one_user_late": "Who is called by a c is answered 1.5 s later than others at one replica, by one client.",
    },
    who=("second decider",),
    needs=KEYS,
)
_OF_READINESS = listed(
    {
        "unready_in_outage": "Who could not fetch keys says that it is not ready, however good the old ones are.",
        "always_ready": "It says that it is ready before it has keys.",
    },
    who=("deciders",),
    needs=KEYS,
)
_OF_THOSE_WHO_INTROSPECT = listed(
    {
        "unreadable_introspection_as_active": "An introspection answer that can't be read lets everybody in.",
        "bodies_never_closed": "The connection of an introspection that fails never comes back.",
        "introspection_retried_at_once": "An introspection that fails is tried four times more, at once.",
        "fractional_exp_refused": "An introspected exp with a fraction of a second is taken for an outage.",
        "stale_introspection_in_outage": "While introspection fails, its last answer is believed until the token ends.",
    },
    who=("deciders",),
    needs=(Need.INTROSPECTION,),
)
_OF_ONE_REPLICA = listed(
    {
        "slow_now_and_then": "Every 25th answer of one replica takes a second longer.",
        "slow_now_and_then_after_fault": "After a failure of the IdP every 25th answer of one replica is late by 1 s.",
    },
    who=("second decider",),
) + listed(
    {
        "failed_introspection_remembered": "One replica calls a token inactive for 0.5 s when introspection failed.",
    },
    who=("second decider",),
    needs=(Need.INTROSPECTION,),
)
MEMORY = _OF_EVERYBODY + _OF_ONE_USER + _OF_READINESS + _OF_THOSE_WHO_INTROSPECT + _OF_ONE_REPLICA
