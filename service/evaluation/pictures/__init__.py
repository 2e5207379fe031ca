"""An evaluation report as pictures and as a page; needs the extra `pictures`, loaded when used."""

from service.evaluation.pictures.charts import class_losses, confusion, reliability
from service.evaluation.pictures.page import render

__all__ = ["class_losses", "confusion", "reliability", "render"]
