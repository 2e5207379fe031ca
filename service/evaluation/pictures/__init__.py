"""An evaluation report as pictures and as a page; needs the extra `pictures`, loaded when used."""

from service.evaluation.pictures.canvas import Picture, Theme
from service.evaluation.pictures.gallery import GALLERY, draw
from service.evaluation.pictures.page import check_installed, render
from service.evaluation.pictures.training import training

__all__ = ["GALLERY", "Picture", "Theme", "check_installed", "draw", "render", "training"]
