"""
What posbot reads of a real Spring Boot application that is set up otherwise: hidden details, structured logs.

Each start is for a health setting and a log format together, because a start takes ten seconds.
"""

import collections
import datetime
import pathlib
from collections.abc import Mapping

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.kubernetes.logs import levels, parser
from sandbox import processes, runbook_folder
from tests.real.spring import application

pytestmark = [pytest.mark.real, pytest.mark.anyio]

SHOW_DETAILS = "management.endpoint.health.show-details"
LOG_FORMAT = "logging.structured.format.console"
BUNDLE = "spring.ssl.bundle.pem.order.keystore"


def write_certificate(folder: pathlib.Path) -> Mapping[str, str]:
    """Write a certificate that expires in three days; return the properties of its SSL bundle."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pos-order")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - day).not_valid_after(now + 3 * day)
    certificate = builder.sign(key, hashes.SHA256())
    (folder / "tls.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "tls.key").write_bytes(private)
    return {f"{BUNDLE}.certificate": f"file:{folder}/tls.crt", f"{BUNDLE}.private-key": f"file:{folder}/tls.key"}


async def ask(order: application.Application, folder: pathlib.Path, *words: str) -> tuple[int, str]:
    runbook_folder.write(folder / "runbook_data", {"pos-order": order.port})
    environment = {
        **processes.plain_environment(folder),
        "POSBOT_RUNBOOK_DATA": str(folder / "runbook_data"),
        "DATABASE_URL": f"sqlite:///{folder}/posbot.db",
    }
    code, output, _ = await processes.run(environment, "health", "pos-order", *words)
    return code, output


def grades(folder: pathlib.Path) -> collections.Counter[levels.Level]:
    """Return the levels of the entries that the application has logged."""
    splitter = parser.LineSplitter()
    lines = splitter.feed((folder / "pos-order.log").read_bytes()) + splitter.finish()
    entries = parser.join_lines([line.decode() for line in lines])
    return collections.Counter(levels.level_of(entry.text.encode()) for entry in entries)


@pytest.mark.parametrize(
    ("properties", "sentence"),
    [
        ({SHOW_DETAILS: "never", LOG_FORMAT: "logstash"}, "hides which components fail"),
        (
            {SHOW_DETAILS: "never", "management.endpoint.health.show-components": "always", LOG_FORMAT: "gelf"},
            "hides why components fail",
        ),
    ],
    ids=["details hidden, logstash", "components without details, GELF"],
)
async def test_hidden_details_name_the_property(
    tmp_path: pathlib.Path, properties: Mapping[str, str], sentence: str
) -> None:
    async with application.running(tmp_path, properties=properties) as order:
        await order.data_source.stop()
        await order.wait_for(503)
        code, output = await ask(order, tmp_path)

    assert code == 1
    assert sentence in output
    assert f"{SHOW_DETAILS}: always" in output
    assert grades(tmp_path)[levels.Level.INFO] >= 10


async def test_certificate_that_expires_soon_is_shown_although_up(tmp_path: pathlib.Path) -> None:
    properties = {**write_certificate(tmp_path), LOG_FORMAT: "ecs"}

    async with application.running(tmp_path, properties=properties) as order:
        code, output = await ask(order, tmp_path, "--verbose")
        await order.data_source.stop()
        await order.wait_for(503)

    assert "UP, " in output or "degraded (slow)" in output
    assert "Certificate will expire within threshold" in output
    assert "diskSpace" in output
    assert code in {0, 1}
    assert grades(tmp_path)[levels.Level.WARN] == 1


async def test_coloured_log_is_split_and_graded(tmp_path: pathlib.Path) -> None:
    async with application.running(tmp_path, properties={"spring.output.ansi.enabled": "always"}) as order:
        await order.data_source.stop()
        await order.wait_for(503)

    found = grades(tmp_path)
    assert found[levels.Level.WARN] == 1
    assert found[levels.Level.INFO] >= 10
    assert found[levels.Level.ERROR] == 0
