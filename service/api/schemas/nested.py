"""Objects within a request: a pointer to every member of theirs that is wrong."""

from typing import Any

from pydantic import (
    BaseModel,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from service.api.problems import MAX_FAULTS
from service.api.request import faults_of
from service.errors import Code, Fault, InvalidInput, cell


def within(kind: type[BaseModel]) -> WrapValidator:
    """The validator of a member that is an object; a null member of that is an absent one.

    Args:
        kind: of the object.
    """
    known = kind.model_fields

    def check(value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        if not isinstance(value, dict):
            return handler(value)
        member = str(info.field_name)
        unknown = [name for name in value if name not in known]
        faults = []
        for name in unknown[:MAX_FAULTS]:
            pointer, shown = cell(member, name)
            text = f"{shown} is none of {', '.join(known)}"
            faults.append(Fault(pointer, Code.UNKNOWN_MEMBER, text))
        try:
            found = handler(
                {name: v for name, v in value.items() if v is not None and name in known}
            )
        except ValidationError as error:
            faults += [
                Fault(f"/{member}{fault.pointer}", fault.code, f"{member}: {fault.detail}")
                for fault in faults_of(error)
            ]
        if faults:
            raise InvalidInput(faults)
        return found

    return WrapValidator(check)
