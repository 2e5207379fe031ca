"""The query of a URL, as strict as a body."""

import json
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute

from service.errors import Code, Fault, InvalidInput, cell


def query_of(route: APIRoute, request: Request) -> dict[str, Any]:
    """The parameters behind the question mark, of the calls that have any.

    Raises:
        InvalidInput: an unknown one, one that is given twice, or a value out of its range.
    """
    fields = {field.alias: field for field in route.dependant.query_params}
    given = request.query_params.multi_items() if fields else []
    faults, found = [], {}
    for name, text in given:
        pointer, shown = cell(name)
        if name not in fields or name in found:
            code = Code.DUPLICATE_MEMBER if name in fields else Code.UNKNOWN_MEMBER
            known = ", ".join(fields)
            faults.append(Fault(pointer, code, f"{shown}: the query takes {known}, each once"))
            continue
        found[name], wrong = fields[name].validate(text, {}, loc=("query", name))
        said = [f"{shown}: {error['msg']}" for error in wrong]
        # pydantic takes " 1", "1_0" and "1.0" for numbers and "on" for true; the document does not
        if isinstance(found[name], int) and text != (plain := json.dumps(found[name])):
            said = [f"{shown} is written as {plain}"]
        faults += [Fault(pointer, Code.INVALID_OPTION, detail) for detail in said]
    if faults:
        raise InvalidInput(faults)
    return found
