"""A certificate authority of a run's own, and a certificate by it (RFC 5280): for people who want to see TLS."""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from idchaos.errors import TargetError

LIFE = datetime.timedelta(days=30)
BEFORE = datetime.timedelta(days=1)
"""Clocks differ."""


@dataclass(frozen=True)
class Certificates:
    """Files in PEM. ``authority`` is what clients are to trust."""

    authority: Path
    certificate: Path
    key: Path


def certificates(folder: Path, host: str) -> Certificates:
    """New ones for ``host``, an IP address, and for ``localhost``. The authority's key is kept nowhere.

    Raises:
        TargetError: they can't be written.
    """
    made = Certificates(folder / "ca.pem", folder / "certificate.pem", folder / "key.pem")
    authority, certificate, key = _issued(host)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made.authority.write_bytes(authority)
        made.certificate.write_bytes(certificate)
        with os.fdopen(os.open(made.key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(key)
    except OSError as error:
        raise TargetError(f"{folder}: certificates cannot be written: {error.strerror}") from None
    return made


def _issued(host: str) -> tuple[bytes, bytes, bytes]:
    """PEM of the authority's certificate, of the other one, and of that one's key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def begun(name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(key)
            .serial_number(x509.random_serial_number()).not_valid_before(now - BEFORE).not_valid_after(now + LIFE)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), critical=False)
        )  # fmt: skip

    def usage(*, signs_certificates: bool) -> x509.KeyUsage:
        return x509.KeyUsage(
            digital_signature=not signs_certificates, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
            content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip

    above, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idchaos, for this run alone")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idchaos stand-in")])
    names = [x509.IPAddress(ip_address(each)) for each in dict.fromkeys((host, "127.0.0.1", "::1"))]
    root = (
        begun(authority, authority, above.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(signs_certificates=True), critical=True)
        .sign(above, hashes.SHA256())
    )
    leaf = (
        begun(subject, authority, own.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), *names]), critical=False)
        .sign(above, hashes.SHA256())
    )
    key = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return root.public_bytes(Encoding.PEM), leaf.public_bytes(Encoding.PEM), key
