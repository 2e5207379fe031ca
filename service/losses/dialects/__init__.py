"""What other libraries print for the same data, and why: their clamps, denominators, precision."""

from service.losses.dialects.conversion import CONVERSIONS, converted
from service.losses.dialects.door import dialect_loss
from service.losses.dialects.rules import RULES
from service.losses.dialects.table import DIALECTS, SUPPORTED, Call
from service.losses.result import DialectLoss, Rule

__all__ = [
    "CONVERSIONS",
    "DIALECTS",
    "RULES",
    "SUPPORTED",
    "Call",
    "DialectLoss",
    "Rule",
    "converted",
    "dialect_loss",
]
