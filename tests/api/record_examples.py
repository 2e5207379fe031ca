"""Writes the answers of service/api/examples.json as the service gives them now.

    python tests/api/record_examples.py

Read the difference before committing it: the examples are the contract that users copy from.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.testclient import TestClient

import service.api
from service.api.examples import Example
from service.app import create_app
from service.settings import Settings

PATH = Path(service.api.__file__).parent / "examples.json"


def _settings(folder: str) -> Settings:
    return Settings(data_dir=Path(folder), database_url=None)


def record() -> None:
    content = json.loads(PATH.read_text())
    with TemporaryDirectory() as folder, TestClient(create_app(_settings(folder))) as client:
        for entries in content.values():
            for entry in entries:
                for request in Example(**entry).requests:
                    answer = client.request(**request)
                entry["status"] = answer.status_code
                entry["answer"] = answer.json() if answer.content else None
    PATH.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    record()
