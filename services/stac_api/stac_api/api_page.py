"""The page that describes the API."""

from html import escape

from stac_api.html import Context, Json, anchor, page, table


def api(doc: Json, context: Context) -> str:
    """The API's description: every address with its parameters, body and answers."""
    sections = "".join(
        f"<h2>{escape(method.upper())} {escape(path)}</h2><p>{escape(operation['summary'])}</p>"
        + table("Parameters", _parameters(operation, doc))
        + table("Body", _body(operation, doc))
        + table("Answers", {status: _told(each) for status, each in operation["responses"].items()})
        for path, operations in doc["paths"].items()
        for method, operation in operations.items()
    )
    raw = f"<p>{anchor(f'{context.base}/api', 'The same as OpenAPI 3.0.3')}</p>"
    return page(f"API of {context.title}", raw + sections, {}, context)


def _parameters(operation: Json, doc: Json) -> dict[str, str]:
    shared = doc["components"]["parameters"]
    listed = [shared.get(_last_of_ref(each), each) for each in operation.get("parameters", [])]
    return {each["name"]: each.get("description", "in the path") for each in listed}


def _last_of_ref(described: Json) -> str:
    """The name of what it refers to, if it does."""
    return str(described.get("$ref", "")).rpartition("/")[2]


def _body(operation: Json, doc: Json) -> dict[str, str]:
    """The members of an operation's body, if it takes one; where they are not told, its media type."""
    members: dict[str, str] = {}
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        name = _last_of_ref(content["schema"])
        schema = doc["components"]["schemas"][name] if name else content["schema"]
        members |= {
            each: part.get("description") or part.get("type", "anything")
            for each, part in schema.get("properties", {kind: schema}).items()
        }
    return members


def _told(response: Json) -> str:
    kinds = ", ".join(response.get("content", {}))
    return f"{response['description']} ({kinds})" if kinds else str(response["description"])
