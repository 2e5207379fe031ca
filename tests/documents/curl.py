"""A stand-in for curl where there is none: the options that the documents use, and no others."""

import argparse
import http.client
import sys
from pathlib import Path
from urllib.parse import urlsplit

parser = argparse.ArgumentParser(prog="curl", allow_abbrev=False)
parser.add_argument("-s", action="store_true", required=True)
parser.add_argument("-H", dest="headers", action="append", default=[])
body = parser.add_mutually_exclusive_group()
body.add_argument("-d", dest="text")
body.add_argument("--data-binary", dest="file")
parser.add_argument("url")
options = parser.parse_args()

data: bytes | None = None
if options.text is not None:
    if options.text.startswith("@"):
        parser.error("-d @file changes the file's line ends; use --data-binary")
    data = options.text.encode()
if options.file is not None:
    named = options.file.startswith("@")
    if options.file == "@-":
        data = sys.stdin.buffer.read()
    else:
        data = Path(options.file[1:]).read_bytes() if named else options.file.encode()

# what curl sends with a body unless -H says otherwise
headers = (
    {"Accept": "*/*"} if data is None else {"Content-Type": "application/x-www-form-urlencoded"}
)
headers |= dict(line.split(": ", 1) for line in options.headers)

url = urlsplit(options.url)
connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=30)
target = url.path + (f"?{url.query}" if url.query else "")
connection.request("GET" if data is None else "POST", target, data, headers)
sys.stdout.buffer.write(connection.getresponse().read())
connection.close()
