"""What a jar says of itself, as Maven and Spring Boot's plugin write it."""

import pathlib
import zipfile

import pytest

from bot.config import catalog
from bot.kubernetes.diagnosis import archive

REPACKAGED = """Manifest-Version: 1.0\r
Created-By: Maven JAR Plugin 3.4.2\r
Build-Jdk-Spec: 25\r
Implementation-Title: pos-event-receiver\r
Implementation-Version: 0.0.1-SNAPSHOT\r
Main-Class: org.springframework.boot.loader.launch.JarLauncher\r
Start-Class: com.positivity.eventreceiver.EventReceiverApplication\r
Spring-Boot-Version: 3.2.6\r
"""
PLAIN = "Manifest-Version: 1.0\r\nCreated-By: Maven JAR Plugin 3.4.2\r\nBuild-Jdk-Spec: 25\r\n\r\n"
POM = "META-INF/maven/com.positivity/{}/pom.properties"


def written(path: pathlib.Path, manifest: str = PLAIN, *artifacts: str) -> archive.Archive:
    with zipfile.ZipFile(path, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", manifest)
        for artifact in artifacts:
            jar.writestr(POM.format(artifact), f"artifactId={artifact}\n")
    return archive.Archive.read(path)


def service(name: str, module: str) -> catalog.Service:
    return catalog.Service(
        name=name, module=module, deployment=name, container=name, owner="x", group="g", tier=catalog.Tier.CRITICAL
    )


def test_repackaged_jar_names_module_version_and_application(tmp_path: pathlib.Path) -> None:
    jar = written(tmp_path / "app.jar", REPACKAGED)

    assert jar.describe() == "pos-event-receiver 0.0.1-SNAPSHOT, com.positivity.eventreceiver.EventReceiverApplication"


def test_artifact_counts_more_than_the_title_which_may_be_prose(tmp_path: pathlib.Path) -> None:
    manifest = REPACKAGED.replace("pos-event-receiver", "POS Event Receiver")

    assert written(tmp_path / "app.jar", manifest, "pos-event-receiver").title == "pos-event-receiver"
    assert written(tmp_path / "shaded.jar", manifest, "pos-event-receiver", "guava").title == "POS Event Receiver"


@pytest.mark.parametrize("title", ["pos-event-receiver", "event-receiver-module"])
def test_owner_is_found_by_module_or_name(tmp_path: pathlib.Path, title: str) -> None:
    services = [service("pos-price", "pos-price"), service("pos-event-receiver", "event-receiver-module")]

    owner = written(tmp_path / "app.jar", PLAIN, title).find_owner(services)

    assert owner is not None and owner.name == "pos-event-receiver"


def test_jar_without_a_known_title_has_no_owner(tmp_path: pathlib.Path) -> None:
    services = [service("pos-price", "pos-price")]

    assert written(tmp_path / "app.jar").find_owner(services) is None
    assert written(tmp_path / "app.jar", PLAIN, "till").find_owner(services) is None


def test_library_says_that_its_pom_does_not_repackage(tmp_path: pathlib.Path) -> None:
    jar = written(tmp_path / "pos-events.jar", PLAIN, "pos-events")

    assert jar.describe() == (
        "pos-events, no main class in its manifest, no pos-events.jar.original beside it: "
        "the module’s POM does not repackage"
    )


def test_jar_before_repackaging_names_the_one_to_use(tmp_path: pathlib.Path) -> None:
    jar = written(tmp_path / "pos-price.jar.original", PLAIN, "pos-price")

    assert "which pos-price.jar has" in jar.describe()


def test_long_manifest_lines_are_joined(tmp_path: pathlib.Path) -> None:
    jar = written(
        tmp_path / "app.jar", "Start-Class: com.positivity.a.very.long.packag\r\n e.name.App\r\n\r\nName: x\r\n"
    )

    assert jar.main_class == "com.positivity.a.very.long.package.name.App"


def test_damaged_jar_says_nothing(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "app.jar"
    path.write_bytes(b"PK\x03\x04 nothing")

    assert archive.Archive.read(path).title is None
