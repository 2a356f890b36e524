"""Keys and certificates of the local control plane: its own authority, the serving certificate, token signing."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sequence_operator.local.folders import write_private

RENEW_BELOW = timedelta(days=30)
CA_LIFETIME = timedelta(days=3650)
SERVING_LIFETIME = timedelta(days=365)


def ensure_pki(folder: Path, *, now: datetime | None = None) -> None:
    """Make what is missing or has less than 30 days left in ``folder`` (which exists, mode 0700).

    Files: ``ca.crt ca.key apiserver.crt apiserver.key service-account.key service-account.pub``. A new authority
    re-issues the serving certificate; the service-account key is kept for ever, because tokens in use hang on it.
    """
    now = now or datetime.now(UTC)
    if not _valid(folder / "ca.crt", folder / "ca.key", now):
        _issue_authority(folder, now)
        (folder / "apiserver.crt").unlink(missing_ok=True)
    if not _valid(folder / "apiserver.crt", folder / "apiserver.key", now):
        _issue_serving(folder, now)
    if not (folder / "service-account.key").exists():
        key = ec.generate_private_key(ec.SECP256R1())
        write_private(folder / "service-account.key", _private_pem(key))
    key = _load_key(folder / "service-account.key")
    write_private(
        folder / "service-account.pub",
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    )


def _valid(certificate: Path, key: Path, now: datetime) -> bool:
    if not certificate.exists() or not key.exists():
        return False
    loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    same_key = loaded.public_key() == _load_key(key).public_key()
    return same_key and loaded.not_valid_after_utc - now > RENEW_BELOW


def _issue_authority(folder: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sequence local authority")])
    builder = _builder(name, name, key.public_key(), now, CA_LIFETIME)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
    )
    _write_pair(folder, "ca", builder.sign(key, hashes.SHA256()), key)


def _issue_serving(folder: Path, now: datetime) -> None:
    authority = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    authority_key = _load_key(folder / "ca.key")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    lifetime = min(SERVING_LIFETIME, authority.not_valid_after_utc - now)
    builder = _builder(name, authority.subject, key.public_key(), now, lifetime)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(digital_signature=True), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
    )
    _write_pair(folder, "apiserver", builder.sign(authority_key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))  # a clock that is set back a little must not break it
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_pair(
    folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    # The key first: a certificate without its key would be found invalid and issued again, the reverse too.
    write_private(folder / f"{name}.key", _private_pem(key))
    write_private(folder / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM))


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} is not an elliptic-curve key")
    return key
