"""The documentation page: Swagger UI from an installed package, so that it works offline."""

from functools import partial
from importlib.resources import files

from fastapi import APIRouter, FastAPI, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

from service.api.access import needs
from service.wire import dump_json

ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
PARAMETERS = {"tryItOutEnabled": True, "filter": True, "syntaxHighlight": False}


def add_docs(router: APIRouter, app: FastAPI) -> None:
    """Adds `/openapi.json`, `/docs` and its three files; every address in the page is relative."""
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=app.title,
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="docs/favicon-32x32.png",
        swagger_ui_parameters=PARAMETERS,
    )
    folder = files("fastapi_swagger") / "resources"
    served = {name: (folder / name).read_bytes() for name in ASSETS}

    async def docs() -> Response:
        return HTMLResponse(page.body)

    async def document() -> Response:
        return Response(dump_json(app.openapi()), media_type="application/json")

    add = partial(router.add_api_route, include_in_schema=False, openapi_extra=needs("public"))
    add("/openapi.json", document)
    add("/docs", docs)
    for name, media_type in ASSETS.items():
        add(f"/docs/{name}", _sender(served[name], media_type))


def _sender(content: bytes, media_type: str):  # type: ignore[no-untyped-def]
    async def send() -> Response:
        headers = {"Cache-Control": "public, max-age=86400"}
        return Response(content, media_type=media_type, headers=headers)

    return send
