"""What must be so again at a target that outlives the run. How that is brought about is the target's to say."""

from __future__ import annotations

from typing import Literal

from idchaos.values import Value


class ClockRight(Value):
    """A component's clock is right."""

    component: str


class AnswersNormally(Value):
    """An endpoint of the IdP answers by itself."""

    endpoint: str


class KeyPublished(Value):
    """A key is in the JWKS."""

    kid: str


class KeySigns(Value):
    """A key signs new tokens."""

    kid: str


class SecretAsBefore(Value):
    """A client's secret is the one that was in use before the run."""

    client_id: str


class ProcessRuns(Value):
    """A component runs."""

    component: str
    after: Literal["kill", "pause"]
    """What was done to it."""


Wanted = ClockRight | AnswersNormally | KeyPublished | KeySigns | SecretAsBefore | ProcessRuns
