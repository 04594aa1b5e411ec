"""What a system can be told to do, as its file says it: acts, their undo, and where secrets are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from idchaos.errors import UsageError
from idchaos.hosts import authority_of
from idchaos.targets.tables import Table, Url, either

LONGEST_S: Final = 40.0
"""A hook, its undo and waiting for both must be over while the lease on a fault lasts (``undo/guardian.py``)."""

MOST_BYTES: Final = 65_536
"""No secret is longer, and a file may have no end."""


class Secret(Table):
    """Where a secret is: it never stands in the file itself."""

    model_config = ConfigDict(json_schema_extra=either("env", "file"))

    env: str = ""
    file: str = ""

    @model_validator(mode="after")
    def _is_in_one_place(self) -> Self:
        if bool(self.env) == bool(self.file):
            raise ValueError('should be { env = "NAME" } or { file = "path" }')
        return self

    def read(self, beside: Path) -> str:
        """The secret; files are looked for from ``beside`` on.

        Raises:
            UsageError: it is not there.
        """
        if self.env:
            if not os.environ.get(self.env):
                raise UsageError(f"the environment has no {self.env}, which should hold a secret")
            return os.environ[self.env]
        try:
            with (beside / self.file).open("rb") as file:  # a pipe, too
                found = file.read(MOST_BYTES + 1)
            secret = found.decode("utf-8-sig").strip()
        except OSError as error:
            raise self._missing(beside, str(error.strerror or error)) from None
        except UnicodeDecodeError:  # which would tell of its bytes
            raise self._missing(beside, "it is no text (UTF-8)") from None
        if not secret or len(found) > MOST_BYTES:
            raise self._missing(beside, "it is too long" if secret else "it is empty")
        return secret

    def _missing(self, beside: Path, why: str) -> UsageError:
        return UsageError(f"{beside / self.file}, which should hold a secret: {why}")


def _no_text(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError('should be { env = "NAME" } or { file = "path" }: a secret never stands in the file')  # noqa: TRY004 - pydantic wants it
    return value


Placed = Annotated[Secret, BeforeValidator(_no_text)]


class Act(Table):
    """A command, or an HTTP request. Places in braces are filled in: ``{kid}``, ``{alg}``, ``{replica}`` ... What is
    filled in is quoted as a part of a URL's path or query, and as a part of a string of JSON.
    """

    model_config = ConfigDict(json_schema_extra=either("command", "url"))

    command: tuple[str, ...] = Field((), min_length=1)
    """A program and its arguments, without a shell. It gets no input, and has done it when it exits with 0."""
    url: Url = ""
    """Where a request is sent, which has done it when it is answered by 2xx. No place is in its host or port."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    body: str | None = None
    secret: Placed | None = None
    """Of a request: sent as a bearer token (RFC 6750)."""
    timeout_s: float = Field(30, gt=0, le=LONGEST_S)
    """So long it may take."""

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError("should have either command or url")
        if "{" in authority_of(self.url):
            raise ValueError("url: places should be in its path or its query: its host and port are checked beforehand")
        return self


class Hook(Act):
    """An act that changes the system, with what undoes it."""

    undo: Act


ROTATION: Final = ("publish_key", "sign_with", "retire_key")
"""The hooks that rotate keys: all of them, or none."""


class Hooks(Table):
    """The table ``[hooks]``: what the system can be told to do."""

    publish_key: Act | None = None
    """Make a key and put it into the key set; ``{kid}`` is a proposal, which the IdP need not follow."""
    sign_with: Hook | None = None
    """Sign with the key ``{kid}``. Undone by signing with the one before, which is ``{kid}`` there."""
    retire_key: Hook | None = None
    """Take the key ``{kid}`` out of the key set. Undone by publishing it again."""
    stop: Hook | None = None
    """End the replica ``{replica}`` (``gateway-1`` ..., ``{number}`` is 1 ...) at once. Undone by starting it; both
    restart it.
    """
    revoke: Act | None = None
    """Revoke ``{token}``, whose ID is ``{jti}``: a request, sent instead of one to the IdP's revocation endpoint (RFC
    7009). Nothing undoes it: the tokens are the run's own.
    """

    @model_validator(mode="after")
    def _revokes_by_request(self) -> Self:
        if self.revoke is not None and not self.revoke.url:
            raise ValueError("revoke: should have url: tokens are revoked under load, and never stand in a command")
        if self.revoke is not None and "{token}" in self.revoke.url:
            raise ValueError("revoke: {token} should be in the body: URLs are logged")
        return self

    @property
    def given(self) -> dict[str, Act]:
        """All that there are, by name."""
        return {name: act for name in type(self).model_fields if (act := getattr(self, name)) is not None}

    @property
    def rotate(self) -> bool:
        """Whether keys can be rotated: each act is there."""
        return set(ROTATION) <= self.given.keys()
