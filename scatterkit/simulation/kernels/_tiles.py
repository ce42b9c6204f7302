"""Matrix products of any, also small, size at the processor's rate: tiles of a product kept in vector registers.

numba turns no loop over an array into arithmetic on registers that several rows share, and a library's product
spends more time on packing than on so few multiply-adds; so the innermost tile is written in LLVM's terms. Vectors
of eight floats become what the processor has. A tile is four rows by up to three vectors: twelve running sums, for
which each step loads three vectors and four factors. numba does not see changes of this file in what it cached of
those that import it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

Array = NDArray[Any]
ROWS = 4
LANES = 8
WIDEST = 3  # vectors
PANEL = WIDEST * LANES
_FAST = ("fast",)
_i = types.intp
_Float = ir.FloatType()
_Vector = ir.VectorType(_Float, LANES)


def _load(builder: Any, data: Any, index: Any) -> Any:
    pointer = builder.bitcast(builder.gep(data, [index]), _Vector.as_pointer())
    return builder.load(pointer, align=4)


def _store(builder: Any, value: Any, data: Any, index: Any) -> None:
    pointer = builder.bitcast(builder.gep(data, [index]), _Vector.as_pointer())
    builder.store(value, pointer, align=4)


def _broadcast(builder: Any, data: Any, index: Any) -> Any:
    undefined = ir.Constant(_Vector, ir.Undefined)
    lane = ir.IntType(32)
    first = builder.insert_element(undefined, builder.load(builder.gep(data, [index])), lane(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(lane, LANES), [0] * LANES))


def _sums(
    builder: Any, vectors: int, a: Any, i_a: Any, ld_a: Any, b: Any, i_b: Any, ld_b: Any, n: Any
) -> Any:
    """Sums over k < n of a[i_a + row ld_a + k] b[i_b + k ld_b + column] for a tile's rows and columns."""
    zero = ir.Constant(_Vector, [0.0] * LANES)
    kept = [[cgutils.alloca_once(builder, _Vector) for _ in range(vectors)] for _ in range(ROWS)]
    for row in kept:
        for place in row:
            builder.store(zero, place)
    starts = [builder.add(i_a, builder.mul(n.type(row), ld_a)) for row in range(ROWS)]
    with cgutils.for_range(builder, n, intp=n.type) as loop:
        line = builder.add(i_b, builder.mul(loop.index, ld_b))
        values = [_load(builder, b, builder.add(line, n.type(LANES * v))) for v in range(vectors)]
        for row, start in zip(kept, starts, strict=True):
            factor = _broadcast(builder, a, builder.add(start, loop.index))
            for place, value in zip(row, values, strict=True):
                part = builder.fmul(factor, value, flags=_FAST)
                builder.store(builder.fadd(builder.load(place), part, flags=_FAST), place)
    return [[builder.load(place) for place in row] for row in kept]


def _data(context: Any, builder: Any, signature: Any, arguments: Any, k: int) -> Any:
    return context.make_array(signature.args[k])(context, builder, arguments[k]).data


def _product_tile(vectors: int) -> Callable[..., Any]:
    """A tile of c = a b; every matrix is an array, the index of the first element and the length of a row."""

    @intrinsic
    def tile(
        typing: Any,
        a: Any,
        i_a: Any,
        ld_a: Any,
        b: Any,
        i_b: Any,
        ld_b: Any,
        n: Any,
        c: Any,
        i_c: Any,
        ld_c: Any,
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            at_a, at_b, at_c = (_data(context, builder, signature, arguments, k) for k in (0, 3, 7))
            _, i_a, ld_a, _, i_b, ld_b, n, _, i_c, ld_c = arguments
            for r, row in enumerate(_sums(builder, vectors, at_a, i_a, ld_a, at_b, i_b, ld_b, n)):
                start = builder.add(i_c, builder.mul(n.type(r), ld_c))
                for v, value in enumerate(row):
                    _store(builder, value, at_c, builder.add(start, n.type(LANES * v)))

        return types.void(a, _i, _i, b, _i, _i, _i, c, _i, _i), generate

    return tile


def _weighted_tile(vectors: int) -> Callable[..., Any]:
    """As _product_tile, but c += w (a b) elementwise; w has rows as long as those of c."""

    @intrinsic
    def tile(
        typing: Any,
        a: Any,
        i_a: Any,
        ld_a: Any,
        b: Any,
        i_b: Any,
        ld_b: Any,
        n: Any,
        w: Any,
        i_w: Any,
        c: Any,
        i_c: Any,
        ld_c: Any,
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            at_a, at_b, at_w, at_c = (_data(context, builder, signature, arguments, k) for k in (0, 3, 7, 9))
            _, i_a, ld_a, _, i_b, ld_b, n, _, i_w, _, i_c, ld_c = arguments
            for r, row in enumerate(_sums(builder, vectors, at_a, i_a, ld_a, at_b, i_b, ld_b, n)):
                for v, value in enumerate(row):
                    step = builder.add(builder.mul(n.type(r), ld_c), n.type(LANES * v))
                    place = builder.add(i_c, step)
                    weighted = builder.fmul(value, _load(builder, at_w, builder.add(i_w, step)), flags=_FAST)
                    total = builder.fadd(_load(builder, at_c, place), weighted, flags=_FAST)
                    _store(builder, total, at_c, place)

        return types.void(a, _i, _i, b, _i, _i, _i, w, _i, c, _i, _i), generate

    return tile


def _reversed(builder: Any, vector: Any) -> Any:
    order = ir.Constant(ir.VectorType(ir.IntType(32), LANES), list(range(LANES - 1, -1, -1)))
    return builder.shuffle_vector(vector, ir.Constant(_Vector, ir.Undefined), order)


def _butterflies(builder: Any, values: list[Any]) -> list[Any]:
    """Sums and differences along each of three axes of two: their own transpose, and inverse but for a factor."""
    for axis in (1, 2, 4):
        values = [
            builder.fsub(values[k - axis], value, flags=_FAST)
            if k & axis
            else builder.fadd(value, values[k + axis], flags=_FAST)
            for k, value in enumerate(values)
        ]
    return values


def _places(builder: Any, first: Any, steps: tuple[Any, Any, Any]) -> list[Any]:
    """Indices of the eight corners: first plus any of the steps; the last one alternates fastest."""
    places = [first]
    for step in steps:
        places = [builder.add(place, offset) for place in places for offset in (step.type(0), step)]
    return places


def _fold_tile(back: bool) -> Callable[..., Any]:
    """Eight values of four lines and what mirrors them along x, folded along three axes, or (back) unfolded.

    A line is at ``i`` plus any of the steps along z and y; its mirrored values end ``i_mirror`` after that.
    """

    @intrinsic
    def tile(
        typing: Any,
        a: Any,
        i: Any,
        a_z: Any,
        a_y: Any,
        i_mirror: Any,
        b: Any,
        j: Any,
        b_z: Any,
        b_y: Any,
        b_x: Any,
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            lines, folded = (_data(context, builder, signature, arguments, k) for k in (0, 5))
            _, i, a_z, a_y, i_mirror, _, j, b_z, b_y, b_x = arguments
            of_lines = _places(builder, i, (a_z, a_y, i_mirror))
            of_folded = _places(builder, j, (b_z, b_y, b_x))
            if back:
                values = [_load(builder, folded, place) for place in of_folded]
            else:
                values = [_load(builder, lines, place) for place in of_lines]
                values[1::2] = [_reversed(builder, value) for value in values[1::2]]
            values = _butterflies(builder, values)
            if back:
                values[1::2] = [_reversed(builder, value) for value in values[1::2]]
            target, places = (lines, of_lines) if back else (folded, of_folded)
            for value, place in zip(values, places, strict=True):
                _store(builder, value, target, place)

        return types.void(a, _i, _i, _i, _i, b, _i, _i, _i, _i), generate

    return tile


product_tile_1, product_tile_2, product_tile_3 = (_product_tile(v) for v in (1, 2, 3))
weighted_tile_1, weighted_tile_2, weighted_tile_3 = (_weighted_tile(v) for v in (1, 2, 3))
fold_tile, unfold_tile = _fold_tile(back=False), _fold_tile(back=True)


@numba.njit(nogil=True, inline="always")
def _vectors(columns: int) -> int:
    """Width of the next tile: three vectors, but two and two of four, for one alone keeps the processor waiting."""
    left = (columns + LANES - 1) // LANES
    return left if left < WIDEST else 2 if left == 4 else WIDEST


@numba.njit(nogil=True, fastmath=True)
def product(
    a: Array,
    i_a: int,
    ld_a: int,
    b: Array,
    i_b: int,
    ld_b: int,
    n: int,
    rows: int,
    columns: int,
    c: Array,
    i_c: int,
    ld_c: int,
) -> None:
    """Write c = a b for matrices of ``n`` inner elements, given by first element and length of a row.

    Rows are filled up to multiples of ROWS and columns to multiples of LANES: there must be room. The columns are the
    outer loop, for b is the larger factor.
    """
    column = 0
    while column < columns:
        vectors = _vectors(columns - column)
        for row in range(0, rows, ROWS):
            at_a, at_c = i_a + row * ld_a, i_c + row * ld_c + column
            if vectors == 3:
                product_tile_3(a, at_a, ld_a, b, i_b + column, ld_b, n, c, at_c, ld_c)
            elif vectors == 2:
                product_tile_2(a, at_a, ld_a, b, i_b + column, ld_b, n, c, at_c, ld_c)
            else:
                product_tile_1(a, at_a, ld_a, b, i_b + column, ld_b, n, c, at_c, ld_c)
        column += vectors * LANES


@numba.njit(nogil=True, fastmath=True)
def weighted_rows(
    a: Array,
    i_a: int,
    ld_a: int,
    b: Array,
    i_b: int,
    ld_b: int,
    n: int,
    columns: int,
    w: Array,
    i_w: int,
    c: Array,
    i_c: int,
    ld_c: int,
) -> None:
    """Add w (a b), elementwise, to ROWS rows of c; w has rows as long as those of c."""
    column = 0
    while column < columns:
        i, j, k = i_b + column, i_w + column, i_c + column
        vectors = _vectors(columns - column)
        if vectors == 3:
            weighted_tile_3(a, i_a, ld_a, b, i, ld_b, n, w, j, c, k, ld_c)
        elif vectors == 2:
            weighted_tile_2(a, i_a, ld_a, b, i, ld_b, n, w, j, c, k, ld_c)
        else:
            weighted_tile_1(a, i_a, ld_a, b, i, ld_b, n, w, j, c, k, ld_c)
        column += vectors * LANES
