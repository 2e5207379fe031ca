"""The settings: each from its variable, each in the README's table, none out of its range."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from service.settings import PREFIX, Settings

README = Path(__file__).resolve().parent.parent / "README.md"
# setting: a value in the environment, what it means, values that are refused
CASES = {
    "host": ("::1", "::1", [""]),
    "port": ("0", 0, ["-1", "65536", "x", "", "80.5"]),
    "workers": ("2", 2, ["0", "65", "-1", "two"]),
    "data_dir": ("/srv/xent", Path("/srv/xent"), [""]),
    "database_url": (
        "postgresql://a:b@h:5433/n",
        SecretStr("postgresql://a:b@h:5433/n"),
        ["mysql://h/n", "postgresql://h", "postgresql://h:x/n", "h/n", "sqlite:///x.db"],
    ),
    "log_level": ("warning", "warning", ["WARN", "trace", "infos", ""]),
    "cors_origins": ("https://a.example, http://b:1,", ("https://a.example", "http://b:1"), []),
    "allowed_hosts": ("a.example, b", ("a.example", "b"), []),
    "max_json_bytes": ("1000", 1000, ["0", "-5", "1e6", "32 MiB"]),
    "max_tensor_bytes": ("1000", 1000, ["0", "-5"]),
    "max_line_bytes": ("1000", 1000, ["0", "-5"]),
    "max_part_bytes": ("1000", 1000, ["0", "-5"]),
    "max_elements": ("5", 5, ["0", "x"]),
    "max_classes": ("7", 7, ["0", "x"]),
    "max_registry_bytes": ("1000", 1000, ["0", "x"]),
    "max_open_evaluations": ("7", 7, ["0", "x"]),
    "max_evaluation_bytes": ("1024", 1024, ["1023", "x"]),
    "max_training_elements": ("1000", 1000, ["0", "x"]),
    "max_training_seconds": ("5", 5, ["0", "3601", "0.5"]),
    "max_training_bytes": ("268435456", 2**28, ["1000", "x"]),
    "max_header_bytes": ("1024", 1024, ["1023", "x"]),
    "max_url_bytes": ("256", 256, ["255", "65536", "x"]),
    "max_inflight_bytes": ("1024", 1024, ["1023", "x"]),
    "max_waiting": ("0", 0, ["-1", "0.5"]),
    "queue_seconds": ("0.5", 0.5, ["-1", "61", "nan"]),
    "header_timeout": ("0.5", 0.5, ["0", "601", "inf", "x"]),
    "body_timeout": ("0.5", 0.5, ["0", "601", "nan"]),
    "drain_seconds": ("0", 0.0, ["-1", "601", "x"]),
    "compiled": ("true", True, ["perhaps"]),
    "opentelemetry": ("true", True, ["perhaps"]),
}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


def table() -> dict[str, tuple[str, str]]:
    """The README's table: the default and the meaning of each variable."""
    lines = README.read_text(encoding="utf-8").splitlines()
    (start,) = [i for i, line in enumerate(lines) if re.fullmatch(r"\| *[Vv]ariable *\|.*", line)]
    rows: dict[str, tuple[str, str]] = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        variable, default, meaning = (cell.strip() for cell in line.strip("|").split("|"))
        rows[variable.strip("`")] = (default.strip("`"), meaning)
    return rows


class TestEnvironment:
    def test_the_cases_are_of_every_setting(self) -> None:
        assert CASES.keys() == Settings.model_fields.keys()

    @pytest.mark.parametrize("name", CASES)
    def test_a_setting_is_read_from_its_variable(
        self, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        text, value, _ = CASES[name]
        assert getattr(Settings(), name) != value
        monkeypatch.setenv(PREFIX + name.upper(), text)
        assert getattr(Settings(), name) == value

    @pytest.mark.parametrize(
        ("name", "text"), [(name, text) for name, case in CASES.items() for text in case[2]]
    )
    def test_a_value_out_of_range_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, name: str, text: str
    ) -> None:
        monkeypatch.setenv(PREFIX + name.upper(), text)
        with pytest.raises(ValidationError, match=rf"^1 validation error for Settings\n{name}\n"):
            Settings()

    def test_a_misspelt_variable_is_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert Settings.misspelt() == []
        monkeypatch.setenv("XENT_PROT", "9000")
        monkeypatch.setenv("XENT_PORT", "9000")
        assert Settings.misspelt() == ["XENT_PROT"]

    def test_the_store_is_a_file_unless_a_database_is_named(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert Settings().database == "sqlite:///xent-data/xent.db"
        monkeypatch.setenv("XENT_DATABASE_URL", "postgresql://u:hunter2@h/n")
        assert Settings().database == "postgresql://u:hunter2@h/n"
        assert "hunter2" not in repr(Settings())

    def test_no_origin_may_call_unless_named(self) -> None:
        assert Settings().cors_origins == ()
        assert Settings().host == "127.0.0.1"

    def test_they_do_not_change(self) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            Settings().port = 1


class TestReadme:
    def test_its_table_is_the_code(self) -> None:
        expected = {}
        for name, field in Settings.model_fields.items():
            default = ",".join(field.default) if isinstance(field.default, tuple) else field.default
            default = "none" if default in ("", None) else str(default)
            expected[PREFIX + name.upper()] = (default, field.description)
        assert table() == expected

    def test_its_table_is_in_the_order_of_the_code(self) -> None:
        assert list(table()) == [PREFIX + name.upper() for name in Settings.model_fields]
