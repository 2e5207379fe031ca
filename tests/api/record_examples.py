"""Writes the answers of service/api/examples.json as the service gives them now.

    python tests/api/record_examples.py

Read the difference before committing it: the examples are the contract that users copy from.
"""

import json
from pathlib import Path

from differences import differences
from serving import serving

import service.api
from service.api.examples import Example

PATH = Path(service.api.__file__).parent / "examples.json"


def record() -> None:
    content = json.loads(PATH.read_text())
    with serving() as client:
        for entries in content.values():
            for entry in entries:
                example = Example(**entry)
                if example.makes_keys:
                    with serving() as alone:
                        answer = example.run(alone.request)
                else:
                    answer = example.run(client.request)
                shown = answer.json() if answer.content else None
                entry["status"] = answer.status_code
                if differences(entry["answer"], shown):  # a new id alone is no news
                    entry["answer"] = shown
    PATH.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    record()
