"""The error tree, the pointers and the gathering of faults."""

import re

import pytest

from service import errors
from service.errors import (
    Code,
    Fault,
    Faults,
    InvalidInput,
    MalformedBody,
    NotFound,
    TooLarge,
    XentError,
    cell,
)


class TestCode:
    def test_a_code_is_its_name_as_a_word(self) -> None:
        for code in Code:
            assert code.value == code.name.lower()
            assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)


class TestCell:
    @pytest.mark.parametrize(
        ("member", "indices", "pointer", "name"),
        [
            ("logits", (17, 3), "/logits/17/3", "logits[17][3]"),
            ("labels", (0,), "/labels/0", "labels[0]"),
            ("clip", (), "/clip", "clip"),
            ("a/b", (1,), "/a~1b/1", "a/b[1]"),
            ("~", (), "/~0", "~"),
            ("~1", (), "/~01", "~1"),
        ],
    )
    def test_pointer_and_name(
        self, member: str, indices: tuple[int, ...], pointer: str, name: str
    ) -> None:
        assert cell(member, *indices) == (pointer, name)


class TestTree:
    def test_its_drawing_is_complete(self) -> None:
        assert errors.__doc__ is not None
        drawn = set(re.findall(r"──\s(\w+)", errors.__doc__))
        tree = [e for e in XentError.__subclasses__() if e.__module__ == errors.__name__]
        assert drawn == {error.__name__ for error in tree}

    @pytest.mark.parametrize(
        ("error", "builtin"), [(InvalidInput, ValueError), (NotFound, LookupError)]
    )
    def test_errors_are_what_a_caller_of_the_library_expects(
        self, error: type[XentError], builtin: type[Exception]
    ) -> None:
        assert issubclass(error, builtin)

    @pytest.mark.parametrize("error", [MalformedBody, NotFound, TooLarge])
    def test_an_error_carries_its_code_and_reads_as_its_detail(
        self, error: type[XentError]
    ) -> None:
        raised = error(Code.INVALID_JSON, "what is wrong")
        assert (raised.code, raised.detail) == (Code.INVALID_JSON, "what is wrong")
        assert str(raised) == "what is wrong"


class TestFaults:
    first = Fault("/a", Code.NAN_VALUE, "a is NaN")
    second = Fault("/b", Code.EMPTY_ROW, "b is empty")

    def test_invalid_input_speaks_with_its_first_fault(self) -> None:
        error = InvalidInput([self.first, self.second])
        assert error.faults == (self.first, self.second)
        assert (error.code, error.detail, str(error)) == (Code.NAN_VALUE, "a is NaN", "a is NaN")

    def test_at_is_the_error_with_one_fault(self) -> None:
        error = InvalidInput.at("/a", Code.NAN_VALUE, "a is NaN")
        assert error.faults == (self.first,)

    def test_faults_are_gathered_and_raised_together(self) -> None:
        faults = Faults()
        with faults.collecting():
            raise InvalidInput([self.first])
        with faults.collecting():
            pass
        with faults.collecting():
            raise InvalidInput([self.second])
        with pytest.raises(InvalidInput) as caught:
            faults.check()
        assert caught.value.faults == (self.first, self.second)

    def test_without_faults_nothing_is_raised(self) -> None:
        Faults().check()

    def test_other_errors_pass(self) -> None:
        faults = Faults()
        with pytest.raises(TooLarge), faults.collecting():
            raise TooLarge(Code.NESTING_TOO_DEEP, "too deep")
        assert not faults
