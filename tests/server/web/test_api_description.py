"""The API's own description is valid, complete and what the API does."""

import re

import pytest
from jsonschema import Draft202012Validator

from server.openapi import describe_api

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def described():
    return describe_api()


def operations(described):
    return [
        (path, method, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def nodes(value):
    """Every object of a document."""
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from nodes(part)
    elif isinstance(value, list):
        for part in value:
            yield from nodes(part)


def test_it_is_openapi_3_1_whose_schemas_are_json_schemas(described):
    assert re.fullmatch(r"3\.1\.\d+", described["openapi"])
    assert described["info"]["title"]
    assert described["info"]["version"]
    for schema in described["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for node in nodes(described["paths"]):
        if "schema" in node:
            Draft202012Validator.check_schema(node["schema"])


def test_every_reference_leads_somewhere(described):
    for node in nodes(described):
        if isinstance(reference := node.get("$ref"), str):
            assert reference.startswith("#/")
            found = described
            for part in reference[2:].split("/"):
                found = found[part]


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does(described):
    names = [operation["operationId"] for _, _, operation in operations(described)]
    assert len(names) == len(set(names))
    for path, method, operation in operations(described):
        assert operation["description"], f"{method} {path}"
        assert operation["tags"], f"{method} {path}"


def test_every_place_in_a_path_is_a_parameter(described):
    for path, _, operation in operations(described):
        told = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
        assert told == set(re.findall(r"{(\w+)}", path))
        assert all(one["required"] for one in operation.get("parameters", []) if one["in"] == "path")


def test_pages_are_not_part_of_it_and_the_api_is(described):
    paths = set(described["paths"])
    assert {path.split("/")[1] for path in paths} == {"api", "health"}
    assert {"/api/v1/items", "/api/v1/items/{item_id}/moves", "/api/v1/gateways", "/api/v1/readings"} <= paths


async def test_what_the_running_api_answers_fits_its_description(site, described):
    item = await site.world.raise_alarm()
    client = await site.operator()
    assert (await client.get("/openapi.json")).json() == described
    wanted = {
        "gateway": "gw-one",
        "device": "gas-1",
        "point": "gas_lel",
        "start": "2026-03-01T00:00:00Z",
        "end": "2026-03-02T00:00:00Z",
    }
    for path, address, parameters, status in (
        ("/api/v1/items", "/api/v1/items", {}, "200"),
        ("/api/v1/items/{item_id}", f"/api/v1/items/{item.id}", {}, "200"),
        ("/api/v1/items/{item_id}", "/api/v1/items/none", {}, "4XX"),
        ("/api/v1/items", "/api/v1/items", {"limit": 0}, "4XX"),
        ("/api/v1/gateways", "/api/v1/gateways", {}, "200"),
        ("/api/v1/devices", "/api/v1/devices", {}, "200"),
        ("/api/v1/readings", "/api/v1/readings", wanted, "200"),
    ):
        answer = await client.get(address, params=parameters)
        content = described["paths"][path]["get"]["responses"][status]["content"]
        told = content[answer.headers["content-type"]]["schema"]
        schema = {**told, "components": described["components"]}
        problems = [error.message for error in Draft202012Validator(schema).iter_errors(answer.json())]
        assert problems == [], address
