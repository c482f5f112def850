"""The catalogue and the environments: every name means one thing, every URL can be built, and the shipped ones load."""

import pathlib
import shutil

import pydantic
import pytest

import commands
from bot import errors, runbook_data
from bot.config import catalog, yaml_files
from bot.config import environments as config_environments
from tests import builders

PROJECT = pathlib.Path(__file__).parents[3]

SERVICES = """services:
  - name: pos-order
    aliases: [order, orders]
    module: pos-order
    deployment: pos-order
    container: pos-order
    port: 9007
    owner: devops-team
    group: sales
    tier: critical
  - name: {name}
    aliases: [{alias}]
    module: pos-price
    deployment: pos-price
    container: pos-price
    owner: devops-team
    group: {group}
    tier: critical
"""


def load(
    tmp_path: pathlib.Path, *, name: str = "pos-price", alias: str = "price", group: str = "sales"
) -> catalog.Catalog:
    path = tmp_path / "services.yaml"
    path.write_text(SERVICES.format(name=name, alias=alias, group=group))
    return yaml_files.load(path, catalog.Catalog)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        pytest.param(
            {"name": "pos-order"}, "11: services.1.name: “pos-order” is already taken by pos-order", id="name"
        ),
        pytest.param(
            {"name": "orders"}, "11: services.1.name: “orders” is already taken by pos-order", id="name as alias"
        ),
        pytest.param(
            {"alias": "order"}, "12: services.1.aliases.0: “order” is already taken by pos-order", id="alias twice"
        ),
        pytest.param({"alias": "pos-order"}, "12: services.1.aliases.0: “pos-order” is already", id="alias as name"),
        pytest.param({"alias": "pos-price"}, "12: services.1.aliases.0: “pos-price” is already", id="alias of oneself"),
        pytest.param(
            {"alias": "sales"},
            "12: services.1.aliases.0: “sales” is already taken by the group sales",
            id="alias as group",
        ),
        pytest.param(
            {"group": "order"}, "3: services.0.aliases.0: “order” is already taken by the group", id="group as alias"
        ),
        pytest.param({"alias": "all"}, "12: services.1.aliases.0: “all” is already taken by the word", id="all"),
        pytest.param({"group": "all"}, "17: services.1.group: ", id="a group that could not be named"),
        pytest.param({"name": "Pos_Price"}, "11: services.1.name: ", id="spelling"),
    ],
)
def test_ambiguous_name_is_reported_with_its_location(
    tmp_path: pathlib.Path, changes: dict[str, str], place: str
) -> None:
    with pytest.raises(errors.BadConfiguration) as caught:
        load(tmp_path, **changes)

    assert f"services.yaml:{place}" in str(caught.value)


def test_valid_catalog_loads(tmp_path: pathlib.Path) -> None:
    assert [service.name for service in load(tmp_path).services] == ["pos-order", "pos-price"]


def test_empty_catalog_is_invalid() -> None:
    with pytest.raises(pydantic.ValidationError):
        catalog.Catalog(services=())


@pytest.mark.parametrize("port", [0, 65_536, "8080", 80.5, True])
def test_port_is_a_whole_number_in_range(port: object) -> None:
    with pytest.raises(pydantic.ValidationError):
        builders.a_service(port=port)


CATALOGUE = builders.a_catalogue(
    builders.a_service("pos-order", aliases=("order", "orders")),
    builders.a_service("pos-price"),
    builders.a_service("pos-image", group="stock"),
)


@pytest.mark.parametrize("name", ["pos-order", "order", "ORDERS", "Pos-Order"])
def test_service_is_found_by_name_or_alias_in_any_case(name: str) -> None:
    assert CATALOGUE.find(name).name == "pos-order"
    assert [service.name for service in CATALOGUE.select(name)] == ["pos-order"]


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        ("all", ["pos-order", "pos-price", "pos-image"]),
        ("ALL", ["pos-order", "pos-price", "pos-image"]),
        ("sales", ["pos-order", "pos-price"]),
        ("Stock", ["pos-image"]),
    ],
)
def test_services_are_selected_by_group_or_all(selection: str, names: list[str]) -> None:
    assert [service.name for service in CATALOGUE.select(selection)] == names


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("pos-ordre", "pos-order"), ("ordrs", "orders"), ("POS-PRIZE", "pos-price"), ("sale", "sales")],
)
def test_misspelt_name_suggests_the_closest(name: str, suggestion: str) -> None:
    with pytest.raises(errors.NotFound, match="Did you mean") as caught:
        CATALOGUE.select(name)

    assert suggestion in caught.value.suggestions


@pytest.mark.parametrize("name", ["", "zzz", "*", "x" * 10_000])
def test_unrelated_name_gets_no_suggestion(name: str) -> None:
    with pytest.raises(errors.NotFound) as caught:
        CATALOGUE.find(name)

    assert caught.value.suggestions == ()
    assert len(str(caught.value)) < 120


def test_group_is_no_service() -> None:
    with pytest.raises(errors.NotFound):
        CATALOGUE.find("sales")


@pytest.mark.parametrize(
    ("template", "url"),
    [
        (
            "http://{service}.{namespace}.svc:{port}{health_path}",
            "http://pos-order.positivity.svc:8080/actuator/health",
        ),
        ("https://api.example.com{gateway_path}{health_path}", "https://api.example.com/pos-order/actuator/health"),
        ("http://{deployment}/x", "http://pos-order/x"),
        ("http://127.0.0.1:{port}/{{braces}}", "http://127.0.0.1:8080/{braces}"),
        ("http://127.0.0.1:{published_port}{health_path}", "http://127.0.0.1:8080/actuator/health"),
    ],
)
def test_template_gives_each_service_its_url(template: str, url: str) -> None:
    assert builders.an_environment(health_url=template).health_url_of(builders.a_service()) == url


def test_gateway_path_of_the_catalog_is_used() -> None:
    environment = builders.an_environment(health_url="https://api.example.com{gateway_path}/h")

    assert environment.health_url_of(builders.a_service(gateway_path="/o")) == "https://api.example.com/o/h"


DIRECT = "http://{service}:{port}{health_path}"


@pytest.mark.parametrize(
    ("template", "changes", "url"),
    [
        pytest.param(DIRECT, {"scheme": "https"}, "https://pos-order:8080/actuator/health", id="TLS"),
        pytest.param(
            "https://{service}:{port}/h", {"scheme": "http"}, "http://pos-order:8080/h", id="no TLS unlike the others"
        ),
        pytest.param(
            "http://api.example.com/{service}/h",
            {"scheme": "https"},
            "http://api.example.com/pos-order/h",
            id="TLS behind a gateway",
        ),
        pytest.param(DIRECT, {"management_port": 9090}, "http://pos-order:9090/actuator/health", id="management port"),
        pytest.param(
            DIRECT, {"management_base_path": "/manage"}, "http://pos-order:8080/manage/health", id="base path"
        ),
        pytest.param(DIRECT, {"management_base_path": "/"}, "http://pos-order:8080/health", id="base path of a root"),
        pytest.param(
            DIRECT,
            {"management_base_path": "/manage", "health_path": "/ping"},
            "http://pos-order:8080/ping",
            id="health path of its own",
        ),
        pytest.param(
            "http://127.0.0.1:{published_port}{health_path}",
            {"published_port": 8093},
            "http://127.0.0.1:8093/actuator/health",
            id="published port",
        ),
        pytest.param(DIRECT, {"published_port": 8093}, "http://pos-order:8080/actuator/health", id="container port"),
    ],
)
def test_health_url_follows_scheme_ports_and_base_path(template: str, changes: dict[str, object], url: str) -> None:
    assert builders.an_environment(health_url=template).health_url_of(builders.a_service(**changes)) == url


def test_application_is_not_at_the_management_port() -> None:
    service = builders.a_service(management_port=9090, scheme="https")

    url = builders.an_environment(health_url=DIRECT).application_url_of(service, "/orders")

    assert url == "https://pos-order:8080/orders"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"library": True}, "a library has no port"),
        ({"port": None, "scheme": "https"}, "without one nothing listens"),
        ({"port": None, "management_port": 9090}, "without one nothing listens"),
        ({"port": None, "published_port": 9090}, "without one nothing listens"),
        ({"registers": False, "eureka_id": "ORDER_SERVICE"}, "expected registers: true, or no eureka_id"),
        ({"eureka_id": "ORDER SERVICE"}, "eureka_id"),
        ({"scheme": "ftp"}, "scheme"),
    ],
)
def test_contradictory_keys_are_invalid(changes: dict[str, object], says: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=says):
        builders.a_service(**changes)


@pytest.mark.parametrize(
    ("changes", "registry_id"), [({}, "POS-ORDER"), ({"eureka_id": "order_service"}, "ORDER_SERVICE")]
)
def test_registry_id_is_in_capitals(changes: dict[str, object], registry_id: str) -> None:
    assert builders.a_service(**changes).registry_id == registry_id


def test_services_with_one_health_url_are_found() -> None:
    agents = builders.a_service("pos-agents", port=9007, published_port=8093)
    services = builders.a_catalogue(builders.a_service("pos-order", port=9007), builders.a_service("pos-price"), agents)

    by_port = builders.an_environment(health_url="http://127.0.0.1:{port}{health_path}")
    published = builders.an_environment(health_url="http://127.0.0.1:{published_port}{health_path}")

    assert by_port.shared_health_urls(services) == {
        "http://127.0.0.1:9007/actuator/health": ("pos-order", "pos-agents")
    }
    assert published.shared_health_urls(services) == {}


def test_service_without_a_port_has_no_url() -> None:
    assert builders.an_environment().health_url_of(builders.a_service(port=None)) is None


@pytest.mark.parametrize(
    ("template", "says"),
    [
        pytest.param("http://{service", "the braces do not match up", id="open brace"),
        pytest.param("http://service}", "the braces do not match up", id="closing brace"),
        pytest.param("http://{servce}:{port}", "{servce} cannot be filled in", id="misspelt"),
        pytest.param("http://{}", "{} cannot be filled in", id="nameless"),
        pytest.param("http://{0}", "{0} cannot be filled in", id="number"),
        pytest.param("http://{service.__class__}", "cannot be filled in", id="attribute"),
        pytest.param("http://{service[0]}", "cannot be filled in", id="index"),
        pytest.param("http://{port:abc}", "health_url", id="format that does not fit"),
        pytest.param("http://{port:{width}}", "health_url", id="format within a format"),
        pytest.param("http://{service!x}", "health_url", id="conversion that does not exist"),
        pytest.param("{service}:{port}", "begins with http:// or https://", id="no scheme"),
        pytest.param("ftp://{service}", "begins with http:// or https://", id="another scheme"),
        pytest.param("http://pos-order/health", "every service would get the same URL", id="no name in it"),
        pytest.param("http://x/{health_path}", "every service would get the same URL", id="path alone"),
        pytest.param("", "http", id="empty"),
    ],
)
def test_invalid_template_fails_the_start(template: str, says: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        builders.an_environment(health_url=template)

    assert says in str(caught.value)


def test_unknown_default_is_reported_with_its_location(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "environments.yaml"
    path.write_text("environments:\n  prod: {namespace: p, health_url: 'http://{service}'}\ndefault: staging\n")

    with pytest.raises(errors.BadConfiguration) as caught:
        yaml_files.load(path, config_environments.Environments)

    assert str(caught.value) == f"{path}:3: default: “staging” is not among the environments; expected one of prod."


def test_misspelt_environment_lists_the_existing() -> None:
    environments = config_environments.Environments(default="prod", environments={"prod": builders.an_environment()})

    assert environments.find("PROD") == builders.an_environment()
    with pytest.raises(errors.NotFound, match="Did you mean “prod”") as caught:
        environments.find("prd")
    assert caught.value.hint == "Known environments: prod."


@pytest.fixture(scope="module")
def shipped() -> runbook_data.RunbookData:
    return runbook_data.load(PROJECT / "runbook_data")


def test_shipped_catalog_has_the_24_modules_of_the_backend(shipped: runbook_data.RunbookData) -> None:
    modules = {service.module for service in shipped.catalog.services}

    assert len(modules) == len(shipped.catalog.services) == 24
    assert all(module.startswith("pos-") for module in modules)


def test_shipped_catalog_is_true_of_the_backend(shipped: runbook_data.RunbookData) -> None:
    services = shipped.catalog.services

    assert [(service.name, service.port) for service in services if service.port] == [
        ("pos-service-discovery", 8761),
        ("pos-api-gateway", 8080),
        ("pos-security-service", 8443),
        ("pos-catalog", 8081),
        ("pos-vehicle-reference-carapi", 8091),
        ("pos-vehicle-reference-nhtsa", 8092),
        ("pos-event-receiver", 8080),
        ("pos-mcp-server", 8080),
    ]
    assert [service.name for service in services if service.library] == ["pos-events", "pos-agent-framework"]
    assert [service.name for service in services if service.scheme is catalog.Scheme.HTTPS] == ["pos-security-service"]
    assert [service.name for service in services if service.gateway_path] == [
        service.name for service in services if service.eureka_id
    ]
    assert shipped.catalog.find("shop").registry_id == "SHOP_SERVICE"


def test_shipped_service_with_a_port_has_a_url_everywhere(shipped: runbook_data.RunbookData) -> None:
    for environment in shipped.environments.environments.values():
        urls = [environment.health_url_of(service) for service in shipped.catalog.services if service.port]
        assert len(set(urls)) == len(urls)
        assert all(url is not None and url.startswith("http") for url in urls)


def test_section_of_every_command_is_in_the_shipped_runbook(shipped: runbook_data.RunbookData) -> None:
    for command in commands.load_all():
        assert len(shipped.runbook.point_to(*command.sections)) == len(command.sections)


def test_shipped_roles_name_existing_commands(shipped: runbook_data.RunbookData) -> None:
    words = {word for role in shipped.roles.roles.values() for word in role.may}

    assert words <= {command.name for command in commands.load_all()}


def test_errors_of_all_files_are_reported_together(tmp_path: pathlib.Path) -> None:
    (tmp_path / "services.yaml").write_text("services: []\n")
    (tmp_path / "roles.yaml").write_text("rolls: {}\n")
    (tmp_path / "runbook.md").write_text("<!-- posbot: a -->\nno heading\n")

    with pytest.raises(errors.BadConfiguration) as caught:
        runbook_data.load(tmp_path)

    assert [line.removeprefix(f"{tmp_path}/").split(":")[0] for line in str(caught.value).splitlines()] == [
        "services.yaml",
        "environments.yaml",
        "roles.yaml",
        "runbook.md",
        "diagnosis.yaml",
    ]


def test_missing_folder_is_reported(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.BadConfiguration, match="set POSBOT_RUNBOOK_DATA"):
        runbook_data.load(tmp_path / "nowhere")


def test_unknown_command_in_a_role_is_located(tmp_path: pathlib.Path) -> None:
    shutil.copytree(PROJECT / "runbook_data", tmp_path, dirs_exist_ok=True)
    path = tmp_path / "roles.yaml"
    path.write_text("roles:\n  leads:\n    members: [U0LEAD]\n    may:\n      - run\n      - explode\n")

    with pytest.raises(errors.BadConfiguration) as caught:
        runbook_data.load(tmp_path, ["run", "unlock"])

    assert str(caught.value) == f"{path}:6: roles.leads.may.1: “explode” is no command; expected one of run, unlock."
