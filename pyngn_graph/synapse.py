"""Delayed spikes: a ring buffer of the past, and the layer that sums it along edges."""

from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import Aggregation, MessagePassing


class DelayBuffer(nn.Module):
    """Remembers the spikes of the last ``max_delay`` steps.

    After the spikes of step ``t - 1`` have been pushed, :meth:`get_delayed_spikes` answers for
    step ``t``: delay 1 reads the newest spikes. Before the first push all is silent. The buffer
    takes the shape of what is pushed first, ``[N]`` or ``[N, B]`` for B trials; ``history``
    ``[max_delay, N]`` or ``[max_delay, N, B]`` holds step ``t`` in row ``t % max_delay``.
    """

    def __init__(self, n_neurons: int, max_delay: int) -> None:
        super().__init__()
        if n_neurons < 1:
            raise ValueError(f"'n_neurons' must be at least 1 (got {n_neurons})")
        if max_delay < 1:
            raise ValueError(f"'max_delay' must be at least 1 step (got {max_delay})")
        self.n_neurons, self.max_delay, self.t = n_neurons, max_delay, 0
        self.register_buffer("history", torch.zeros(max_delay, n_neurons), persistent=False)
        self.history: Tensor

    def reset_state(self) -> None:
        """Forgets all spikes, and with them the number of trials."""
        self.history = self.history.new_zeros(self.max_delay, self.n_neurons)
        self.t = 0

    def push(self, spikes: Tensor) -> None:
        """Stores the spikes ``[N]`` or ``[N, B]`` of the present step and moves on to the next.

        Raises:
            ValueError: If the shape differs from that of the buffer.
        """
        if spikes.dim() not in (1, 2) or spikes.size(0) != self.n_neurons:
            raise ValueError(
                f"'spikes' must have shape [{self.n_neurons}] or [{self.n_neurons}, B] "
                f"(got {list(spikes.shape)})"
            )
        if self.t == 0:
            self.history = spikes.new_zeros(self.max_delay, *spikes.shape)
        elif spikes.shape != self.history.shape[1:]:
            raise ValueError(
                f"'spikes' has shape {list(spikes.shape)} but the buffer holds "
                f"{list(self.history.shape[1:])}; call 'reset_state()' to change it"
            )
        row = torch.tensor([self.t % self.max_delay], device=spikes.device)
        # Out of place: the graph of a gradient may still need the old rows.
        self.history = self.history.index_copy(0, row, spikes.to(self.history.dtype)[None])
        self.t += 1

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
        if delays.is_floating_point() or delays.dtype == torch.bool:
            raise TypeError(f"'delays' must be whole steps (got {delays.dtype}); round them first")
        shape = [self.n_neurons, self.n_neurons] if edge_index is None else [edge_index.size(1)]
        if list(delays.shape) != shape:
            raise ValueError(f"'delays' must have shape {shape} (got {list(delays.shape)})")
        bad = (delays < 1) | (delays > self.max_delay)
        if bool(bad.any()):
            raise ValueError(
                f"'delays' must lie in 1..{self.max_delay} steps: {int(bad.sum())} do not, the "
                f"first is {int(delays[bad][0])}; clamp them or enlarge 'max_delay'"
            )
        if edge_index is not None and edge_index.numel():
            low, high = int(edge_index.min()), int(edge_index.max())
            if low < 0 or high >= self.n_neurons:
                raise ValueError(
                    f"'edge_index' must lie in [0, {self.n_neurons - 1}] (got {low} to {high})"
                )
        if edge_index is None:
            src = torch.arange(self.n_neurons, device=delays.device).unsqueeze(1)
        else:
            src = edge_index[0]
        return self.history[(self.t - delays) % self.max_delay, src]


class DelayedSpikeConv(MessagePassing):
    r"""Sums the spikes that reach each neuron after their conduction delays.

    .. math::
        a_i(t) = \sum_{j \to i} M_{ji}\, w_{ji}\, s_j(t - D_{ji})

    A delayed edge is a plain edge of the bipartite graph that leads from ``D`` past steps to the
    present, so any PyG ``aggr`` works. The result has the type of ``edge_weight``: with weights on
    their grid (:func:`pyngn_graph.graph.weight_grid`) in float64 the sum is exact; with float32
    it is an ordinary sum, differentiable in spikes and weights.

    Shapes:
        - **buffer** ``[D, N]`` or ``[D, N, B]``: step ``t`` is written to row ``t % D`` after it
          is read; 0 or 1
        - **edge_index** ``[2, E]``; **edge_weight** ``[E]``, jump of the potential;
          **edge_delay** ``[E]``, whole steps, 1 to ``D``; **edge_mask** ``[E]`` bool
        - **output** ``[N]`` or ``[N, B]``
    """

    def __init__(self, aggr: str | Aggregation = "add", **kwargs: Any) -> None:
        super().__init__(aggr=aggr, **kwargs)

    def forward(
        self,
        buffer: Tensor,
        t: int,
        edge_index: Tensor,
        edge_weight: Tensor,
        edge_delay: Tensor,
        edge_mask: Tensor | None = None,
    ) -> Tensor:
        """The sums of step ``t``; delays outside 1 to ``D`` are the caller's error."""
        depth, num_nodes = buffer.shape[:2]
        if edge_mask is not None:
            edge_weight = edge_weight * edge_mask
        past = torch.stack([(t - edge_delay) % depth * num_nodes + edge_index[0], edge_index[1]])
        x = buffer.reshape(depth * num_nodes, -1)
        size = (depth * num_nodes, num_nodes)
        out: Tensor = self.propagate(past, x=(x, None), edge_weight=edge_weight, size=size)
        return out.reshape(num_nodes, *buffer.shape[2:])

    def message(self, x_j: Tensor, edge_weight: Tensor) -> Tensor:
        """The weight where a spike arrives, zero elsewhere."""
        return edge_weight.unsqueeze(-1) * x_j
