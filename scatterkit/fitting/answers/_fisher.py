"""What counted photons tell of the planes of a body: the roots of their Fisher information."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scatterkit.fitting._photon_fit import FAINTEST
from scatterkit.fitting._planes import Floats
from scatterkit.fitting.answers._jacobian import PatternJacobian, Scene
from scatterkit.response import DetectorResponse


def photon_jacobian(
    scene: Scene,
    planes: tuple[Floats, Floats],
    shift: tuple[float, float],
    light: tuple[float, float],
    mask: NDArray[np.bool_],
    *,
    with_shift: bool,
) -> PatternJacobian:
    """Give the derivatives of the photons that pixels expect, each over the root of these photons.

    That is J with J J^T the Fisher information of Poisson's law. A pixel expects scale * intensity + background, the
    two of ``light``: the response's parameters are the background [photons], log scale and the shifts.
    """
    scale, background = light[0], max(light[1], FAINTEST)
    eps = background / scale
    # nothing is clipped: the logarithm is above zero everywhere
    log = DetectorResponse(eps=eps, gain=1.0, offset=1 - math.log(eps), shift=shift)
    look = scene.jacobian(*planes, log, mask, with_shift=with_shift)
    root = np.sqrt(scale * (look.intensity + eps))
    by_log = dict(zip(look.names, look.response * root, strict=True))
    del by_log["gain"]
    by_background, by_all = by_log.pop("log eps"), by_log.pop("offset")
    rest = {"background": by_background / background, "log scale": by_all - by_background, **by_log}
    return look._replace(
        pattern=root, planes=look.planes * root, response=np.array(list(rest.values())), names=tuple(rest)
    )
