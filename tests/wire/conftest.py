"""Python 3.14 has no parser to test yet, and `service.wire` does without it there."""

import sys

collect_ignore = [] if sys.version_info < (3, 14) else ["test_simd.py"]
