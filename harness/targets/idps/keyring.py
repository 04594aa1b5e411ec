"""Signing keys that the harness makes and an IdP is given: so they can sign canaries too, and come and go as asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from idchaos.errors import FaultError
from idchaos.targets.capabilities import KeyInfo

BITS: Final = 2048
SPARE: Final = "spare"
Jwk = dict[str, str]


@dataclass(frozen=True)
class Held:
    """A key that the IdP was given, and how it stands there."""

    kid: str
    alg: str
    published: bool = False
    signing: bool = False
    turn: int = 0
    """Who was told last to sign is the one who does."""


class Keyring:
    """RSA keys of one run: one that signs, one to withdraw before the load, and as many as may be rotated to.

    All have their names from the beginning, so that whoever makes canaries can be given all of them at once.
    """

    def __init__(self, alg: str, rotations: int) -> None:
        """``rotations``: how many keys there are besides."""
        low = alg.lower()
        self.alg = alg
        self._kids = (f"{low}-1", f"{low}-{SPARE}", *(f"{low}-{number + 2}" for number in range(rotations)))
        self._made: dict[str, Jwk] = {}
        self._held: dict[str, Held] = {}
        self._turn = 0

    def jwks(self) -> tuple[Jwk, ...]:
        """All private keys (RFC 7517); only their names until they are made."""
        return tuple(self._made.get(kid, {"kty": "RSA", "kid": kid, "alg": self.alg}) for kid in self._kids)

    def make(self) -> None:
        """Make all of them, and let the first one sign. Once; takes a tenth of a second each."""
        if self._made:
            return
        from joserfc.jwk import RSAKey

        for kid in self._kids:
            made = RSAKey.generate_key(BITS, {"kid": kid, "alg": self.alg, "use": "sig"}, private=True)
            self._made[kid] = {name: str(value) for name, value in made.as_dict(private=True).items()}
        self.take(self._kids[0], publish=True, sign=True)
        self.take(self._kids[1], publish=True, sign=False)

    def private(self, kid: str) -> Jwk:
        """A private key (RFC 7517)."""
        return dict(self._made[kid])

    def pem(self, kid: str) -> str:
        """A private key, PKCS #8."""
        from joserfc.jwk import RSAKey

        return RSAKey.import_key(dict(self._made[kid])).as_pem(private=True).decode()

    def take(self, kid: str, *, publish: bool, sign: bool) -> Held:
        """The key of that name, or the next that is left, begins to be known to the IdP.

        Raises:
            FaultError: none is left.
        """
        left = [each for each in self._kids if each not in self._held]
        if not left:
            raise FaultError(f"all {len(self._kids)} keys of the run are in use already")
        return self._note(Held(kid if kid in left else left[0], self.alg), publish=publish, sign=sign)

    def publish(self, kid: str) -> Held:
        """It is in the key set from now on."""
        return self._note(self.held(kid), publish=True)

    def sign_with(self, kid: str) -> Held:
        """It signs from now on, and nobody else does."""
        return self._note(self.held(kid), sign=True)

    def retire(self, kid: str) -> Held:
        """It is out of the key set, and signs nothing, from now on."""
        return self._note(self.held(kid), publish=False, sign=False)

    def held(self, kid: str) -> Held:
        """How a key stands.

        Raises:
            FaultError: the IdP was never given it.
        """
        if kid not in self._held:
            raise FaultError(f"the IdP has no key {kid}; there are {', '.join(self._held) or 'none'}")
        return self._held[kid]

    def all_held(self) -> tuple[Held, ...]:
        """Every key that the IdP was given."""
        return tuple(self._held.values())

    def infos(self) -> tuple[KeyInfo, ...]:
        """The same in the words of ``RotatesKeys``."""
        return tuple(
            KeyInfo(kid=each.kid, alg=each.alg, published=each.published, signing=each.signing)
            for each in self._held.values()
        )

    def _note(self, key: Held, *, publish: bool | None = None, sign: bool | None = None) -> Held:
        if sign:
            self._turn += 1
            self._held |= {each.kid: replace(each, signing=False) for each in self._held.values()}
        noted = replace(
            key,
            published=key.published if publish is None else publish,
            signing=key.signing if sign is None else sign,
            turn=self._turn if sign else key.turn,
        )
        self._held[key.kid] = noted
        return noted
