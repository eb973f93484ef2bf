"""Delayed spikes: a ring buffer of the past, and the layer that sums it along edges."""

from typing import Any, Optional

import torch
from torch import Tensor, nn
from torch_geometric.nn import Aggregation, MessagePassing
from torch_geometric.utils import scatter

from pyngn_graph.checks import check_count, check_finite, check_tensor


class DelayBuffer(nn.Module):
    """Remembers the spikes of the last ``max_delay`` steps.

    After the spikes of step ``t - 1`` have been pushed, :meth:`get_delayed_spikes` answers for
    step ``t``: delay 1 reads the newest spikes. Before the first push all is silent. The buffer
    takes the shape of what is pushed first, ``[N]`` or ``[N, B]`` for B trials; ``history``
    ``[max_delay, N]`` or ``[max_delay, N, B]`` holds step ``t`` in row ``t % max_delay``.

    Gradients pass through it, back to the last :meth:`reset_state` or :meth:`detach_state`. It
    compiles with ``torch.compile(fullgraph=True)``; compiled code does not look at the delays.
    """

    def __init__(self, n_neurons: int, max_delay: int) -> None:
        super().__init__()
        check_count("n_neurons", n_neurons)
        check_count("max_delay", max_delay)
        self.n_neurons, self.max_delay, self._pushed = n_neurons, max_delay, False
        history = torch.zeros(max_delay, n_neurons, dtype=torch.float32)
        self.register_buffer("history", history, persistent=False)
        # A tensor, because compiled code would be made anew for every other number.
        self.register_buffer("_now", torch.zeros(1, dtype=torch.int64), persistent=False)
        self.history: Tensor
        self._now: Tensor

    @property
    def t(self) -> int:
        """The present step: spikes pushed so far."""
        return int(self._now)

    def reset_state(self) -> None:
        """Forgets all spikes, and with them the number of trials."""
        self.history = self.history.new_zeros(self.max_delay, self.n_neurons)
        self._now, self._pushed = torch.zeros_like(self._now), False

    def detach_state(self) -> None:
        """Cuts the spikes from the gradients of the steps so far; their values stay."""
        self.history = self.history.detach()

    def push(self, spikes: Tensor) -> None:
        """Stores the spikes ``[N]`` or ``[N, B]`` of the present step and moves on to the next.

        Raises:
            ValueError: If the shape differs from that of the buffer.
        """
        check_tensor("spikes", spikes)
        if spikes.dim() not in (1, 2) or spikes.size(0) != self.n_neurons:
            raise ValueError(
                f"'spikes' must have shape [{self.n_neurons}] or [{self.n_neurons}, B] "
                f"(got {list(spikes.shape)})"
            )
        if not torch.compiler.is_compiling():
            check_finite("spikes", spikes)
        if not self._pushed:
            self.history = spikes.new_zeros(self.max_delay, *spikes.shape)
        elif spikes.shape != self.history.shape[1:]:
            raise ValueError(
                f"'spikes' has shape {list(spikes.shape)} but the buffer holds "
                f"{list(self.history.shape[1:])}; call 'reset_state()' to change it"
            )
        self._now = self._now.to(spikes.device)
        # Out of place: the graph of a gradient may still need the old rows.
        row, spikes = self._now % self.max_delay, spikes.to(self.history.dtype).unsqueeze(0)
        self.history = self.history.index_copy(0, row, spikes)
        self._now, self._pushed = self._now + 1, True

    def get_delayed_spikes(self, delays: Tensor, edge_index: Tensor | None = None) -> Tensor:
        """Spikes that arrive now.

        Args:
            delays: Integer steps, 1 to ``max_delay``: a matrix ``[N, N]`` (pre, post), or ``[E]``
                with an ``edge_index`` ``[2, E]`` (row 0 pre, row 1 post).
            edge_index: The edges that ``delays`` belongs to.

        Returns:
            ``[N, N]`` (pre, post) or ``[E]``, followed by ``B`` if the buffer holds B trials.

        Raises:
            TypeError: If ``delays`` is not an integer tensor.
            ValueError: If its shape is wrong, a delay lies outside 1 to ``max_delay``, or
                ``edge_index`` names a neuron that is not there.
        """
        check_tensor("delays", delays)
        if edge_index is not None:
            check_tensor("edge_index", edge_index)
            if edge_index.dim() != 2 or edge_index.size(0) != 2:
                raise ValueError(f"'edge_index' must be [2, E] (got {list(edge_index.shape)})")
        if delays.is_floating_point() or delays.dtype == torch.bool:
            raise TypeError(f"'delays' must be whole steps (got {delays.dtype}); round them first")
        shape = [self.n_neurons, self.n_neurons] if edge_index is None else [edge_index.size(1)]
        if list(delays.shape) != shape:
            raise ValueError(f"'delays' must have shape {shape} (got {list(delays.shape)})")
        if not torch.compiler.is_compiling():
            self._check(delays, edge_index)
        if edge_index is None:
            src = torch.arange(self.n_neurons, device=delays.device).unsqueeze(1)
        else:
            src = edge_index[0]
        return self.history[(self._now - delays) % self.max_delay, src]

    def _check(self, delays: Tensor, edge_index: Tensor | None) -> None:
        bad = (delays < 1) | (delays > self.max_delay)
        if bool(bad.any()):
            raise ValueError(
                f"'delays' must lie in 1..{self.max_delay} steps: {int(bad.sum())} do not, the "
                f"first is {int(delays[bad][0])}; clamp them or enlarge 'max_delay'"
            )
        if edge_index is not None and edge_index.dtype != torch.int64:
            raise TypeError(f"'edge_index' must be int64 (got {edge_index.dtype}); use '.long()'")
        if edge_index is not None and edge_index.numel():
            low, high = int(edge_index.min()), int(edge_index.max())
            if low < 0 or high >= self.n_neurons:
                raise ValueError(
                    f"'edge_index' must lie in [0, {self.n_neurons - 1}] (got {low} to {high})"
                )


class DelayedSpikeConv(MessagePassing):
    r"""Sums the spikes that reach each neuron after their conduction delays.

    .. math::
        a_i(t) = \sum_{j \to i} M_{ji}\, w_{ji}\, s_j(t - D_{ji})

    A delayed edge is a plain edge of the bipartite graph that leads from ``D`` past steps to the
    present, so any PyG ``aggr`` works. The result has the type of ``edge_weight``: with weights on
    their grid (:func:`pyngn_graph.grid.weight_grid`) in float64 the sum is exact; with float32
    it is an ordinary sum, differentiable in spikes and weights.

    With ``edge_share`` every spike arrives in K parts :math:`\phi_k`, each after a delay of its
    own; the sum is differentiable in these too, and so in delays from which they are made
    (:class:`~pyngn_graph.interpolation.DelayKernel`):

    .. math::
        a_i(t) = \sum_{j \to i} M_{ji}\, w_{ji} \sum_k \phi_{ji,k}\, s_j(t - D_{ji,k})

    There is one message for each edge, so that the masks of :mod:`torch_geometric.explain` fit.

    Shapes:
        - **buffer** ``[D, N]`` or ``[D, N, B]``: step ``t`` is written to row ``t % D`` after it
          is read; 0 or 1
        - **t**: the step, a number or a tensor with one
        - **edge_index** ``[2, E]``; **edge_weight** ``[E]``, jump of the potential;
          **edge_delay** ``[E]``, or ``[E, K]`` with **edge_share** ``[E, K]``, whole steps, 1 to
          ``D``; **edge_mask** ``[E]`` bool
        - **output** ``[N]`` or ``[N, B]``
    """

    def __init__(self, aggr: str | Aggregation = "add", **kwargs: Any) -> None:
        super().__init__(aggr=aggr, **kwargs)

    def forward(
        self,
        buffer: Tensor,
        t: int | Tensor,
        edge_index: Tensor,
        edge_weight: Tensor,
        edge_delay: Tensor,
        edge_mask: Tensor | None = None,
        edge_share: Tensor | None = None,
    ) -> Tensor:
        """The sums of step ``t``; delays outside 1 to ``D`` are the caller's error."""
        depth, num_nodes = buffer.shape[:2]
        if edge_mask is not None:
            edge_weight = edge_weight * edge_mask
        x, (src, dst) = buffer.reshape(depth * num_nodes, -1), edge_index
        if edge_share is None:
            src = (t - edge_delay) % depth * num_nodes + src
        else:
            row = (t - edge_delay) % depth * num_nodes + src.unsqueeze(1)
            parts = x.index_select(0, row.flatten()).view(*row.shape, x.size(1))
            x = (edge_share.unsqueeze(2) * parts).sum(dim=1)
            src = torch.arange(src.numel(), device=src.device)
        size, past = (x.size(0), num_nodes), torch.stack([src, dst])
        out: Tensor = self.propagate(past, x=(x, None), edge_weight=edge_weight, size=size)
        return out.reshape(num_nodes, *buffer.shape[2:])

    def message(self, x_j: Tensor, edge_weight: Tensor) -> Tensor:
        """The weight where a spike arrives, zero elsewhere."""
        return edge_weight.unsqueeze(-1) * x_j

    def aggregate(
        self,
        inputs: Tensor,
        index: Tensor,
        ptr: Optional[Tensor] = None,  # noqa: UP045 (PyG reads annotations, and not 'X | None')
        dim_size: Optional[int] = None,  # noqa: UP045
    ) -> Tensor:
        """What arrives at each neuron; see :class:`torch_geometric.nn.MessagePassing`."""
        if torch.compiler.is_compiling() and self.aggr in ("add", "sum") and dim_size is not None:
            return _sum_at(inputs, index, dim_size)
        return super().aggregate(inputs, index, ptr, dim_size)


@torch.library.custom_op("pyngn_graph::sum_at", mutates_args=())
def _sum_at(messages: Tensor, target: Tensor, size: int) -> Tensor:
    """The sum of ``messages`` ``[E, B]`` at each of ``size`` targets, for compiled code.

    A compiler leaves it as it is: the order of the sum stays that of eager mode, and inductor
    (torch 2.13, CPU) has no chance to read the sums before they are made, which it does where it
    fuses them with what follows.
    """
    return scatter(messages, target, dim=0, dim_size=size, reduce="sum")


@_sum_at.register_fake
def _(messages: Tensor, target: Tensor, size: int) -> Tensor:
    return messages.new_empty(size, *messages.shape[1:])


def _keep_target(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(inputs[1])


def _spread(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
    return grad.index_select(0, ctx.saved_tensors[0]), None, None


_sum_at.register_autograd(_spread, setup_context=_keep_target)
