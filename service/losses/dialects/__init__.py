"""What other libraries print for the same data, and why: their clamps, denominators, precision."""

from service.losses.dialects.door import dialect_loss
from service.losses.dialects.rules import RULES, DialectLoss, Rule
from service.losses.dialects.table import DIALECTS, SUPPORTED, Call

__all__ = ["DIALECTS", "RULES", "SUPPORTED", "Call", "DialectLoss", "Rule", "dialect_loss"]
