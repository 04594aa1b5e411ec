"""Keys that nobody published, and what they sign."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from idchaos.load.canaries.base import Forged
from idchaos.load.canaries.forging import signing_input
from idchaos.load.idp.tokens import b64

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    Key = RSAKey | ECKey | OKPKey

ELSE: Final = "ES256"
"""The algorithm of what is not signed by that of good tokens: do validators take what a token says?"""
_CURVES: Final = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "ES256K": "secp256k1"}
_RSA: Final = tuple(f"{family}{bits}" for family in ("RS", "PS") for bits in (256, 384, 512))
_EDWARDS: Final = ("EdDSA", "Ed25519", "Ed448")
_KNOWN: Final = frozenset({*_RSA, *_CURVES, *_EDWARDS})
_RSA_BITS: Final = 2048
_A_DAY: Final = timedelta(days=1)


def alg_of(header: dict[str, Any]) -> str:
    """The algorithm of that header (RFC 7515 section 4.1.1); :data:`ELSE` where it is not one of public keys that is
    known here.
    """
    alg = str(header.get("alg", ""))
    return alg if alg in _KNOWN else ELSE


class Nobody:
    """Whom nobody knows: a key for each algorithm (RFC 7518 section 3.1), made when it is first needed.

    A validator that takes one algorithm only refuses all others before it looks at anything else: a forgery shows what
    else is missing if it is signed as good tokens are.
    """

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self._certificates: dict[str, bytes] = {}

    def sign(self, forged: Forged) -> str:
        """The token (RFC 7515 section 7.1), signed as its header's ``alg`` says.

        Raises:
            KeyError: there is no such algorithm.
        """
        from joserfc.jws import JWSRegistry

        alg = str(forged.header["alg"])
        signed = signing_input(forged)
        return f"{signed}.{b64(JWSRegistry.algorithms[alg].sign(signed.encode(), self._key(alg)))}"

    def jwk(self, alg: str) -> dict[str, Any]:
        """The public key of that algorithm (RFC 7517 section 4)."""
        return dict(self._key(alg).as_dict(private=False))

    def private_jwk(self, alg: str) -> dict[str, Any]:
        """The same with its private members."""
        return dict(self._key(alg).as_dict(private=True))

    def thumbprint(self, alg: str) -> str:
        """What that public key is known by (RFC 7638)."""
        return self._key(alg).thumbprint()

    def certificate(self, alg: str) -> str:
        """A certificate that its key made for itself, as ``x5c`` holds it: base64 of DER (RFC 7515 section 4.1.6)."""
        if alg not in self._certificates:
            self._certificates[alg] = _certificate(self._key(alg))
        return base64.b64encode(self._certificates[alg]).decode()

    def pem(self, alg: str) -> bytes:
        """The same as a file that ``x5u`` leads to (RFC 7515 section 4.1.5)."""
        return f"-----BEGIN CERTIFICATE-----\n{self.certificate(alg)}\n-----END CERTIFICATE-----\n".encode()

    def _key(self, alg: str) -> Key:
        from joserfc.jwk import ECKey, OKPKey, RSAKey

        if alg not in self._keys:
            if alg in _RSA:
                self._keys[alg] = RSAKey.generate_key(_RSA_BITS)
            elif alg in _EDWARDS:
                self._keys[alg] = OKPKey.generate_key("Ed448" if alg == "Ed448" else "Ed25519")
            else:
                self._keys[alg] = ECKey.generate_key(_CURVES[alg])
        return self._keys[alg]


def _certificate(key: Key) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    private: Any = key.private_key
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody.invalid")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - _A_DAY)
        .not_valid_after(now + _A_DAY)
        # Edwards curves have a hash of their own (RFC 8032).
        .sign(private, None if key.key_type == "OKP" else hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER)
