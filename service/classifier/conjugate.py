"""Conjugate gradients, and what a solve leaves behind for the next one."""

from typing import NamedTuple

import numpy as np

from service.classifier.curvature import Solve
from service.classifier.rows import Array

PRODUCTS = 200


class Searched(NamedTuple):
    """The directions of a solve, which are conjugate: d_i^T H d_j = 0.

    Attributes:
        directions: d, shape (M, R C).
        images: H d, shape (M, R C).
        bends: d^T H d, shape (M,), above 0.
    """

    directions: Array
    images: Array
    bends: Array

    def improve(self, inverse: Solve) -> Solve:
        """An approximate inverse that is exact along these directions: BFGS updates, all at once.

        Source: J. L. Morales and J. Nocedal, SIAM J. Optim. 10 (2000), 1079.
        """
        directions, images, bends = self

        def solve(gradient: Array) -> Array:
            along = directions @ gradient.ravel() / bends
            step = inverse(gradient - (along @ images).reshape(gradient.shape))
            back = along - images @ step.ravel() / bends
            improved: Array = step + (back @ directions).reshape(gradient.shape)
            return improved

        return solve


def conjugate_gradients(
    product: Solve, inverse: Solve, gradient: Array, forcing: float
) -> tuple[Array, Searched]:
    """Solve `Hessian step = gradient` until the residual is a part of the gradient.

    Args:
        product: of the Hessian with a direction.
        inverse: an approximation of its inverse, applied to a gradient.
        gradient: shape (R, C).
        forcing: the part, measured by the largest entry.

    Returns:
        The step, shape (R, C), and the directions that it is made of, one a product.
    """
    step, residual = np.zeros_like(gradient), gradient.copy()
    target = forcing * float(np.abs(gradient).max())
    direction = inverse(residual)
    energy = float(np.vdot(residual, direction))
    searched: list[tuple[Array, Array, float]] = []
    while len(searched) < PRODUCTS:
        image = product(direction)
        bend = float(np.vdot(direction, image))
        if not bend > 0.0:  # rounding, or a direction without effect: what there is must do
            step = step if searched else inverse(gradient)
            break
        searched.append((direction.ravel(), image.ravel(), bend))
        size = energy / bend
        step += size * direction
        residual -= size * image
        if np.abs(residual).max() <= target:
            break
        turned = inverse(residual)
        fresh = float(np.vdot(residual, turned))
        direction = turned + (fresh / energy) * direction
        energy = fresh
    directions, images, bends = zip(*searched, strict=True) if searched else ((), (), ())
    shape = len(searched), gradient.size
    return step, Searched(np.reshape(directions, shape), np.reshape(images, shape), np.array(bends))
