"""Receptive fields: which part of an image, or of a frame of events, each neuron sees.

A field map is a tensor ``[N, C]`` that a reservoir takes as ``input_weight``; so is any other that
you write. These lay fields out by the positions of the neurons: neighbors see neighboring parts.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from pyngn_graph.checks import whole_seed

MARGIN = 3.0
"""Distance in pixels of the outermost centers from the edge of the image."""


def gabor_fields(
    pos: Tensor,
    height: int,
    width: int,
    polarities: int = 1,
    *,
    scale: float = 8.0,
    sigma: tuple[float, float] = (1.5, 2.5),
    seed: int = 0,
) -> Tensor:
    r"""Oriented local fields, as simple cells of the visual cortex have them.

    The box around all neurons is laid over the image, x along its columns and y along its rows,
    ``MARGIN`` pixels away from the edge; what differs in z alone sees one place. At the offset r
    from its center

    .. math::
        W_i(r) \propto e^{-|r|^2 / 2 \sigma_i^2}
            \cos\Big(\frac{2 \pi\, r \cdot e(\theta_i)}{2.5\,\sigma_i} + \phi_i\Big) - \bar W_i,
        \qquad |r| \le 3 \sigma_i

    with random direction :math:`\theta`, phase :math:`\phi` and size :math:`\sigma`, each uniform.
    The mean over the field is taken off, so that even light is not seen. With several polarities
    (ON and OFF events) each sees the field times a factor of its own, drawn from N(0, 1).

    Args:
        pos: Positions ``[N, 3]``, in any unit.
        height: Rows of the image.
        width: Columns of the image.
        polarities: Frames that lie over each other.
        scale: Norm of each field: the standard deviation of the current when all pixels have unit
            variance. 8 suits images in [0, 1], 12 numbers of events in frames of 5 ms.
        sigma: Bounds of :math:`\sigma`, in pixels.
        seed: Seed of everything random.

    Returns:
        ``[N, C]`` float32 with C = ``polarities * height * width``, channels in the order
        (polarity, row, column): that of ``frame.flatten()``.

    Raises:
        ValueError: If an argument breaks its rule.

    Sources: Daugman (1985) for the fields; Hubel & Wiesel (1962) for their layout.
    """
    low, high = sigma
    if not 0.5 <= low <= high < math.inf:
        raise ValueError(f"'sigma' must rise from at least 0.5 pixels (got {sigma})")
    _check_whole("polarities", polarities, 1)
    place, generator = _placed(pos, (width, height), scale), _stream("gabor", seed)
    uniform = torch.rand(3, len(pos), generator=generator, dtype=torch.float64)
    direction, phase = 2 * math.pi * uniform[:2]
    size = (low + (high - low) * uniform[2]).view(-1, 1, 1)
    right = torch.arange(width) - place[:, 0].view(-1, 1, 1)
    down = torch.arange(height).unsqueeze(1) - place[:, 1].view(-1, 1, 1)
    along = right * direction.cos().view(-1, 1, 1) + down * direction.sin().view(-1, 1, 1)
    squared = right.square() + down.square()
    wave = torch.cos(2 * math.pi * along / (2.5 * size) + phase.view(-1, 1, 1))
    field = torch.exp(-squared / (2 * size.square())) * wave
    inside = (squared <= (3 * size).square()).double()
    mean = (field * inside).sum(dim=(1, 2)) / inside.sum(dim=(1, 2))
    field = ((field - mean.view(-1, 1, 1)) * inside).flatten(1)
    if polarities > 1:
        factor = torch.randn(len(pos), polarities, 1, generator=generator, dtype=torch.float64)
        field = (factor * field.unsqueeze(1)).flatten(1)
    return _scaled(field, scale).to(pos.device)


def column_fields(
    pos: Tensor, height: int, *, rows: int = 9, scale: float = 4.0, seed: int = 0
) -> Tensor:
    """Random local fields for images that are read column by column, as a line scanner does.

    A neuron sees the ``rows`` rows around its place along x, laid over the column as in
    :func:`gabor_fields` (fewer at the edge), with weights from N(0, 1).

    Args:
        pos: Positions ``[N, 3]``, in any unit.
        height: Rows of the image: channels C.
        rows: Size of a field, an odd number.
        scale: Norm of each field.
        seed: Seed of the weights.

    Returns:
        ``[N, height]`` float32.

    Raises:
        ValueError: If an argument breaks its rule.
    """
    _check_whole("rows", rows, 1)
    if rows % 2 == 0:
        raise ValueError(f"'rows' must be odd, the same number on both sides (got {rows})")
    place = _placed(pos, (height,), scale)
    shape = (len(pos), height)
    weight = torch.randn(shape, generator=_stream("column", seed), dtype=torch.float64)
    inside = (torch.arange(height) - torch.floor(place + 0.5)).abs() <= rows // 2
    return _scaled(weight * inside, scale).to(pos.device)


FIELDS: dict[str, Callable[..., Tensor]] = {
    "gabor": gabor_fields,
    "gabor_sizes": partial(gabor_fields, sigma=(1.5, 5.0)),
    "columns": column_fields,
}
"""Field maps by name; ``"gabor_sizes"`` has small fields and large ones side by side."""


def _placed(pos: Tensor, sizes: tuple[int, ...], scale: float) -> Tensor:
    """Centers ``[N, D]`` in pixels, of the D axes that have these sizes."""
    if pos.dim() != 2 or pos.size(1) < len(sizes) or not bool(torch.isfinite(pos).all()):
        raise ValueError(f"'pos' must be finite positions [N, 3] (got {list(pos.shape)})")
    if not 0.0 <= scale < math.inf:
        raise ValueError(f"'scale' must be finite and not negative (got {scale})")
    for size in sizes:
        _check_whole("height' and 'width", size, int(2 * MARGIN) + 1)
    place = pos[:, : len(sizes)].double().cpu()  # as the weights are drawn there
    low, high = place.amin(dim=0), place.amax(dim=0)
    flat = high == low  # seen from the middle
    share = torch.where(flat, 0.5, (place - low) / torch.where(flat, 1.0, high - low))
    return MARGIN + (torch.tensor(sizes, dtype=torch.float64) - 1 - 2 * MARGIN) * share


def _scaled(field: Tensor, scale: float) -> Tensor:
    norm = field.norm(dim=1, keepdim=True)
    return (scale * field / torch.where(norm > 0, norm, 1.0)).float()


def _stream(name: str, seed: int) -> torch.Generator:
    """The random stream of one kind of field, independent of all others of this seed."""
    mixed = np.random.SeedSequence(whole_seed(seed, least=0), spawn_key=tuple(name.encode()))
    return torch.Generator().manual_seed(int(mixed.generate_state(1, np.uint64)[0]))


def _check_whole(name: str, value: int, least: int) -> None:
    if not isinstance(value, int) or value < least:
        raise ValueError(f"'{name}' must be whole numbers >= {least} (got {value!r})")
