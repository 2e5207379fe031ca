"""Where a request is worked on, by its size: on the loop, in a thread, in the process beside."""

from service.api.call import Content
from service.api.media import Form
from service.wire import header_bytes

# Up to here a thread costs more than a tenth of the work and the loop is held for about 1 ms:
# benchmarks/inline.py.
INLINE_BYTES = 64 * 1024
# Parsers and writers of JSON hold the interpreter from their first byte to their last, and the most
# expensive kind of body takes 50 ms for each MiB: from here on they work in a process of their own,
# see docs/decisions/0007. A compressed body may expand to any size.
BESIDE_BYTES = 2**20


def is_small(size: int, form: Form) -> bool:
    """Whether the loop does it itself.

    Args:
        size: of the body, in bytes.
        form: of body and answer.
    """
    return size <= INLINE_BYTES and form.encoding is None


def is_much_json(body: Content, form: Form) -> bool:
    """Whether JSON that comes or goes may be long: bodies, headers of tensor files, answers."""
    if not form.tensors_in or form.encoding is not None:
        return len(body) > BESIDE_BYTES or form.encoding is not None
    if not form.tensors_out:
        return len(body) > BESIDE_BYTES
    return BESIDE_BYTES < header_bytes(body) < len(body)
