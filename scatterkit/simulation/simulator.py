"""Multi-slice Fourier transform simulator: volumes to wide-angle diffraction patterns, and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._validation import (
    Choice,
    Constraint,
    Integer,
    Positive,
    check_array,
    check_mask,
    check_volumes,
    fail,
    shown,
)
from scatterkit.base import StatelessTransformer
from scatterkit.experiment import Detector, check_detector
from scatterkit.simulation import kernels
from scatterkit.simulation._attenuation import CONSTRAINTS, attenuation
from scatterkit.simulation.adviser import Advice, advise
from scatterkit.simulation.kernels.costs import worthwhile_threads
from scatterkit.simulation.kernels.threads import numba_threads
from scatterkit.simulation.kernels.waves import DIFFRACTING
from scatterkit.simulation.plan import PUBLISHED_VOXEL, MSFTPlan, build_plan

_BITS_OF_ONE = 0x3F800000  # float32 bit patterns of [0, 1] are the integers up to this; all else lies above
Pullback = Callable[[ArrayLike], NDArray[np.float32]]


class MSFTSimulator(StatelessTransformer):
    """Wide-angle diffraction patterns of absorbing bodies by the multi-slice Fourier transform (MSFT).

    Every slice of a volume scatters the light that reaches it: the field at transverse wave vector q is
    E(q) = sum_z exp(+i Qz z) FT[rho_z T_z](q), with Qz = k - sqrt(k^2 - q^2), the transverse Fourier
    transform FT with kernel exp(-i q.r), the amplitude transmission T_z = exp(-depth / absorption_length), and
    depth the material passed since entry. Pixels with q >= k are zero. The defaults are the published
    silver configuration.

    Parameters
    ----------
    wavelength : float [nm], default=13.5
        Wavelength of the light.
    absorption_length : float [nm], default=12.5
        Depth of material over which light falls to 1/e; ``numpy.inf`` for no absorption. ``absorption`` says
        what falls. It has no part where ``absorption`` is "index".
    box : float [nm], default=318.75
        Edge of the cube that the volumes fill, centred on the origin, which shows in the field's phase alone.
    detector : QGrid, FlatDetector or PanelDetector, optional
        Where the field is sampled; ``QGrid()`` by default.
    mask : array_like of bool of shape (rows, columns), optional
        True where a pixel is measured. Other pixels are zero and give no gradient.
    backend : {"auto", "matrix", "fft", "pixels", "reference", "keras"}, default="auto"
        What computes: pruned matrix transforms, padded FFTs, a non-uniform transform for pixels anywhere, the plain
        formula in double precision (slow), or Keras tensors, on a GPU where there is one, which needs Keras and
        TensorFlow, JAX or PyTorch. ``"auto"`` takes "pixels" for all detectors but `QGrid`, and for that the
        cheaper of the first two.
    self_absorption : {"exact", "shares", "half", "full", "none"}, default="exact"
        How a voxel's own thickness attenuates its own scattering: integrated over the voxel's material, as thin
        as its occupancy says; the same with a partly filled voxel as a share of its column's width, filled and
        dark, beside which light passes; taken at the middle or at the back of the material; or not at all.
        "shares" is two to four times closer to bodies with sharp surfaces, for ``propagation`` "msft" alone.
        For true densities "exact" is right. Published: "full", which makes patterns depend on the grid.
    voxel_response : {"average", "box", "point"}, default="average"
        What a voxel's value means: the body's average over the voxel, as ``Rasterizer`` gives by default,
        whose blur is undone; the filling of a box, which scatters as a box; or a sample at the voxel's centre,
        as in the published code.
    n_threads : int, optional
        Threads to use; by default as many as numba is set to. Batches are shared out body by body; a single
        pattern of less than about a millisecond is computed by one. None where ``backend`` is "keras", whose
        library has its own settings.
    propagation : {"msft", "pmsft", "wide", "hare", "born"}, default="msft"
        How light travels inside the body: along straight rays; slice by slice by diffraction, with multiple
        scattering in the forward direction (propagating MSFT); the same with the refraction of oblique waves,
        which costs half as much again; the same in the paraxial approximation, after Hare; or undisturbed, the
        first Born approximation. See Notes, and :func:`advise` for which holds when.
    absorption : {"published", "intensity", "index"}, default="published"
        Where absorption comes from: ``absorption_length`` as the length over which the field's *amplitude*
        falls to 1/e, as published with 12.5 nm; the same as the length over which the *intensity* falls to
        1/e, which 12.5 nm physically is for silver; or ``refractive_index``.
    refractive_index : complex, optional
        n = 1 - delta + i beta of the material where ``absorption`` is "index"; must be None elsewhere.

    See Also
    --------
    scatterkit.simulation.LogScaler : Scale intensities as published patterns are.
    scatterkit.simulation.PhotonCounts : Turn intensities into counts.

    Notes
    -----
    Let gamma = -i k (n - 1) = k beta + i k delta, so that exp(-gamma d) is what a depth d of material does to
    the field; without an index it is real, 1 / absorption_length or half of it. In every mode
    E(q) = sum_z exp(+i Qz z) FT[w_z](q), w being the material, as seen through its own voxel, times the field
    u that reaches the slice. "msft": u = exp(-gamma depth). "pmsft": from slice to slice,
    u <- IFFT[exp(i (kz - k) dz) FFT(u exp(-gamma dz rho))], beginning with the plane wave 1 (arXiv:2507.22483).
    "wide": likewise, with what a slice adds, (exp(-gamma dz rho) - 1) u, times (n + 1) k / (kn + kz) at every
    q, kn = sqrt(n^2 k^2 - q^2). "hare": as "pmsft" with kz = k - q^2 / (2 k) everywhere. "born": u = 1,
    without any absorption. For weak scattering all give the same field, in the same unit.
    ``differential_cross_section`` gives the intensity in physical units.

    The field counts voxels of the published 64^3 grid, that is, sums over voxels are multiplied by the
    voxel's volume over (318.75 / 64 nm)^3. So patterns do not depend on the grid but for its resolution.

    On a 64^3 grid, the median scatter loss of 50 random bodies against the exact polyhedra is 1.6e-4 by the defaults
    and 4.3e-5 by "shares"; 2.5e-4 with points, 6.0e-4 with boxes, and 1.2e-3 with binary volumes, points and
    "full", as published. Other bodies gave 1.4e-4 by the defaults, and 3.5e-5 and 5.9e-5 by "shares"
    (tests/benchmarks/bench_convergence.py). With "shares" the field has kinks where a voxel is filled as
    much as the one before it; the gradient there is that of a rising occupancy, but in full voxels of a
    falling one. Three fits to exact patterns left less residual with "shares", but came closer to the true lit
    front in one alone (tests/benchmarks/bench_shares_fit.py); so it is not the default.

    References
    ----------
    T. Stielow and S. Scheel, "Reconstruction of nanoparticles from single wide-angle x-ray-diffraction
    patterns", Phys. Rev. E 103, 053312 (2021), arXiv:2101.09136. Propagating MSFT: arXiv:2507.22483.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.simulation import MSFTSimulator
    >>> volumes = np.zeros((1, 16, 16, 16), dtype=np.float32)
    >>> volumes[:, 4:12, 5:11, 5:11] = 1
    >>> simulator = MSFTSimulator()
    >>> simulator.transform(volumes).shape
    (1, 128, 128)
    >>> intensities, pullback = simulator.vjp(volumes)
    >>> pullback(np.ones_like(intensities)).shape
    (1, 16, 16, 16)
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        **CONSTRAINTS,
        "box": Positive("nm"),
        "backend": Choice(("auto", "matrix", "fft", "pixels", "reference", "keras")),
        "self_absorption": Choice(("exact", "shares", "half", "full", "none")),
        "voxel_response": Choice(("average", "box", "point")),
        "n_threads": Integer(1, optional=True),
        "propagation": Choice(("msft", "pmsft", "wide", "hare", "born")),
    }

    def __init__(
        self,
        wavelength: float = 13.5,
        absorption_length: float = 12.5,
        box: float = 318.75,
        detector: Detector | None = None,
        mask: ArrayLike | None = None,
        backend: str = "auto",
        self_absorption: str = "exact",
        voxel_response: str = "average",
        n_threads: int | None = None,
        propagation: str = "msft",
        absorption: str = "published",
        refractive_index: complex | None = None,
    ) -> None:
        self.wavelength = wavelength
        self.absorption_length = absorption_length
        self.box = box
        self.detector = detector
        self.mask = mask
        self.backend = backend
        self.self_absorption = self_absorption
        self.voxel_response = voxel_response
        self.n_threads = n_threads
        self.propagation = propagation
        self.absorption = absorption
        self.refractive_index = refractive_index

    def plan(self, grid_shape: tuple[int, int, int]) -> MSFTPlan:
        """Give every grid and phase that volumes of a shape need; equal simulators share it.

        Parameters
        ----------
        grid_shape : tuple of int
            Voxels along (z, y, x).

        Returns
        -------
        MSFTPlan
            The frozen plan.
        """
        self._check_parameters()
        owner = type(self).__name__
        if self.backend == "keras" and self.n_threads is not None:
            allowed = "None where backend is 'keras', whose library has its own settings"
            raise fail("n_threads", owner, allowed, shown(self.n_threads))
        detector = check_detector(self.detector, owner=owner)
        mask = check_mask(self.mask, detector.shape, owner=owner)
        return build_plan(
            tuple(int(n) for n in grid_shape),
            detector.key(),
            None if mask is None else mask.tobytes(),
            float(self.wavelength),
            attenuation(self),
            float(self.box),
            self._own_absorption(),
            self.voxel_response,
            self.propagation,
        )

    def advise(
        self,
        size: float,
        grid: int = 64,
        *,
        refractive_index: complex | None = None,
        max_angle: float | None = None,
    ) -> Advice:
        """Say how far wrong this simulator's mode of propagation is, and whether another would be closer.

        Parameters
        ----------
        size : float [nm]
            Diameter of the body.
        grid : int, default=64
            Voxels along an edge of the box.
        refractive_index : complex, optional
            Of the material; needed unless ``absorption`` is "index". What the conventions that take a length do
            to the intensity comes on top.
        max_angle : float [rad], optional
            Largest scattering angle of interest; by default that of the detector, up to 85 degrees.

        Returns
        -------
        Advice
            Expected errors, the recommended mode and grid, and warnings.
        """
        self._check_parameters()
        if refractive_index is None:
            refractive_index = self.refractive_index
        if max_angle is None:
            max_angle = self._largest_angle()
        return advise(
            refractive_index,  # type: ignore[arg-type]  # advise says what is missing
            size,
            wavelength=self.wavelength,
            max_angle=max_angle,
            grid=grid,
            box=self.box,
            propagation=self.propagation,
        )

    def _own_absorption(self) -> str:
        if self.self_absorption == "shares" and self.propagation in DIFFRACTING:
            allowed = f"'exact', 'half', 'full' or 'none' where propagation is {self.propagation!r}"
            raise fail("self_absorption", type(self).__name__, allowed, shown(self.self_absorption))
        return self.self_absorption

    def _largest_angle(self) -> float:
        plan = self.plan((1, 1, 1))
        seen = np.hypot(*np.broadcast_arrays(plan.q_y, plan.q_x))[plan.response != 0]
        return float(np.arcsin(min(seen.max(initial=0.0) / plan.wavenumber, np.sin(np.radians(85)))))

    def field(self, X: ArrayLike) -> NDArray[np.complex64]:
        """Simulate the scattered field.

        Parameters
        ----------
        X : array_like of shape (n, z, y, x)
            Occupancies in [0, 1].

        Returns
        -------
        ndarray of complex64 of shape (n, rows, columns)
            The field, in voxels of the published 64^3 grid.
        """
        volumes, plan = self._prepare(X)
        with self._threads(plan):
            E = kernels.get(self.backend, plan).field(volumes, plan)
        return E.astype(np.complex64, copy=False)

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Simulate the intensity, the squared modulus of the field.

        Parameters
        ----------
        X : array_like of shape (n, z, y, x)
            Occupancies in [0, 1].

        Returns
        -------
        ndarray of float32 of shape (n, rows, columns)
            Intensities.
        """
        return _intensity(self.field(X))

    def differential_cross_section(self, X: ArrayLike) -> NDArray[np.float32]:
        """Simulate the differential cross section of scalar waves: the squared scattering amplitude.

        It is ``|E V gamma / wavelength|^2`` with the field E in voxels of volume V, before any polarisation factor. So
        an infinite ``absorption_length`` has none: what neither absorbs nor retards light does not scatter.

        Parameters
        ----------
        X : array_like of shape (n, z, y, x)
            Occupancies in [0, 1].

        Returns
        -------
        ndarray of float32 of shape (n, rows, columns) [nm^2/sr]
            Differential cross sections.
        """
        self._check_parameters()
        contrast = abs(attenuation(self)) / self.wavelength
        if contrast == 0:
            allowed = "finite for a cross section, or absorption be 'index'"
            raise fail("absorption_length", type(self).__name__, allowed, shown(self.absorption_length))
        return self.transform(X) * np.float32((contrast * PUBLISHED_VOXEL**3) ** 2)

    def adjoint(
        self, X: ArrayLike, field_gradient: ArrayLike, *, within_body: bool = False
    ) -> NDArray[np.float32]:
        """Carry a loss's gradient by the field back to the volumes.

        Parameters
        ----------
        X : array_like of shape (n, z, y, x)
            Occupancies in [0, 1] at which the field was simulated.
        field_gradient : array_like of complex of shape (n, rows, columns)
            dL/dRe E + i dL/dIm E.
        within_body : bool, default=False
            Leave the gradient zero outside the bounding box of each volume's material, which is faster.

        Returns
        -------
        ndarray of float32 of shape (n, z, y, x)
            dL/dX, the absorption's dependence on X included.
        """
        volumes, plan = self._prepare(X)
        shape = (len(volumes), *plan.detector_shape)
        gradient = check_array(
            field_gradient, name="field_gradient", owner=type(self).__name__, shape=shape, dtype=np.complex64
        )
        return self._pull(volumes, plan, gradient, within_body)

    def vjp(self, X: ArrayLike, *, within_body: bool = False) -> tuple[NDArray[np.float32], Pullback]:
        """Simulate intensities, and give the function that carries a gradient by them back to the volumes.

        Parameters
        ----------
        X : array_like of shape (n, z, y, x)
            Occupancies in [0, 1]; must not be changed until the pullback was called.
        within_body : bool, default=False
            Leave the gradient zero outside the bounding box of each volume's material, which is faster.

        Returns
        -------
        intensities : ndarray of float32 of shape (n, rows, columns)
            As ``transform`` gives.
        pullback : callable
            Takes dL/dI of shape (n, rows, columns), gives dL/dX as float32 of shape (n, z, y, x).
        """
        volumes, plan = self._prepare(X)
        with self._threads(plan):
            E = kernels.get(self.backend, plan).field(volumes, plan).astype(np.complex64, copy=False)

        def pullback(intensity_gradient: ArrayLike) -> NDArray[np.float32]:
            by_intensity = check_array(
                intensity_gradient,
                name="intensity_gradient",
                owner=f"{type(self).__name__}.vjp",
                shape=E.shape,
            )
            return self._pull(volumes, plan, 2 * E * by_intensity, within_body)

        return _intensity(E), pullback

    def _pull(
        self, volumes: NDArray[Any], plan: MSFTPlan, field_gradient: NDArray[Any], within_body: bool
    ) -> NDArray[np.float32]:
        with self._threads(plan):
            kernel = kernels.get(self.backend, plan)
            gradient = kernel.adjoint(volumes, plan, field_gradient, within_body=within_body)
        return gradient.astype(np.float32, copy=False)

    def _threads(self, plan: MSFTPlan) -> AbstractContextManager[None]:
        return numba_threads(worthwhile_threads(plan) if self.n_threads is None else self.n_threads)

    def _prepare(self, X: ArrayLike) -> tuple[NDArray[np.float32], MSFTPlan]:
        volumes = _check_volumes_fast(X, owner=type(self).__name__)
        return volumes, self.plan(volumes.shape[1:])


def _intensity(E: NDArray[np.complex64]) -> NDArray[np.float32]:
    return E.real**2 + E.imag**2


def _check_volumes_fast(X: ArrayLike, *, owner: str) -> NDArray[np.float32]:
    """As check_volumes, in one pass over arrays that need no conversion."""
    if (
        isinstance(X, np.ndarray)
        and X.dtype == np.float32
        and X.ndim == 4
        and X.size
        and X.flags.c_contiguous
        and X.view(np.uint32).max() <= _BITS_OF_ONE
    ):
        return X
    return check_volumes(X, owner=owner)
