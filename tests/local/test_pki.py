"""The authority and the certificates are what strict clients accept, and are renewed in time."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from sequence_operator.local.pki import ensure_pki


def loaded(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_strict_client_accepts_the_server(tmp_path, name):
    ensure_pki(tmp_path)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(tmp_path / "apiserver.crt", tmp_path / "apiserver.key")
    client_side = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
    client_side.verify_flags |= ssl.VERIFY_X509_STRICT  # the default of newer Python versions
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with server_side.wrap_socket(connection, server_side=True) as secure:
                secure.sendall(b"hello")

        thread = threading.Thread(target=serve)
        thread.start()
        with (
            socket.create_connection(listener.getsockname()) as plain,
            client_side.wrap_socket(plain, server_hostname=name) as secure,
        ):
            assert secure.recv(5) == b"hello"
        thread.join()


def test_another_authority_is_not_accepted(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        ensure_pki(tmp_path / folder)
    theirs, ours = loaded(tmp_path / "a" / "apiserver.crt"), loaded(tmp_path / "b" / "ca.crt")
    with pytest.raises(Exception, match=r"[Ss]ignature|InvalidSignature|^$"):
        theirs.verify_directly_issued_by(ours)


def test_nothing_changes_while_there_is_time(tmp_path):
    ensure_pki(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    ensure_pki(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert set(before) == {
        "ca.crt",
        "ca.key",
        "apiserver.crt",
        "apiserver.key",
        "service-account.key",
        "service-account.pub",
    }


def test_below_30_days_the_serving_certificate_is_issued_again_by_the_same_authority(tmp_path):
    long_ago = datetime.now(UTC) - timedelta(days=336)
    ensure_pki(tmp_path, now=long_ago)
    old, authority = loaded(tmp_path / "apiserver.crt"), loaded(tmp_path / "ca.crt")
    signing_key = (tmp_path / "service-account.key").read_bytes()
    ensure_pki(tmp_path)
    new = loaded(tmp_path / "apiserver.crt")
    assert new.serial_number != old.serial_number
    assert new.not_valid_after_utc > datetime.now(UTC) + timedelta(days=300)
    assert loaded(tmp_path / "ca.crt") == authority
    new.verify_directly_issued_by(authority)
    assert (tmp_path / "service-account.key").read_bytes() == signing_key


def test_an_expiring_authority_takes_the_serving_certificate_with_it(tmp_path):
    ensure_pki(tmp_path, now=datetime.now(UTC) - timedelta(days=3640))
    old = loaded(tmp_path / "ca.crt")
    ensure_pki(tmp_path)
    assert loaded(tmp_path / "ca.crt") != old
    loaded(tmp_path / "apiserver.crt").verify_directly_issued_by(loaded(tmp_path / "ca.crt"))


def test_a_half_written_pair_is_made_again(tmp_path):
    ensure_pki(tmp_path)
    (tmp_path / "other").mkdir()
    ensure_pki(tmp_path / "other")
    (tmp_path / "apiserver.key").write_bytes((tmp_path / "other" / "apiserver.key").read_bytes())
    ensure_pki(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "apiserver.crt", tmp_path / "apiserver.key")  # refuses a wrong pair


def test_extensions_and_modes(tmp_path):
    ensure_pki(tmp_path)
    authority, serving = loaded(tmp_path / "ca.crt"), loaded(tmp_path / "apiserver.crt")
    for certificate in (authority, serving):
        certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_KEY_IDENTIFIER)
        certificate.extensions.get_extension_for_oid(ExtensionOID.AUTHORITY_KEY_IDENTIFIER)
        assert certificate.extensions.get_extension_for_oid(ExtensionOID.KEY_USAGE).critical
    assert authority.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert not serving.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
