"""What the readouts share: one linear map, checked inputs, labels or values as targets."""

import os
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn

from pyngn_graph import storage
from pyngn_graph.arrays import Numbers, as_tensor
from pyngn_graph.checks import check_finite
from pyngn_graph.notices import warn


class Readout(nn.Module):
    r"""A linear map :math:`o = W^\top x + b` from features to outputs.

    Integer (or bool) targets ``[B]`` are labels: one output per class, trained on one-hot targets,
    the largest wins. Floating-point targets ``[B]`` or ``[B, K]`` are values: least squares.

    Everything learned lies in float64 buffers: ``state_dict`` carries it, so a loaded readout goes
    on learning where the saved one stopped, and ``to(device)`` moves it.
    """

    classes: Tensor | None  # [K] labels in ascending order; None before data and for regression
    y_first: Tensor | None  # the first target, [] or [K]; None before data and for labels

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("classes", None)
        self.register_buffer("y_first", None)

    @property
    def weight(self) -> Tensor:
        """``[F, K]``: change of each output per unit of each raw feature."""
        raise NotImplementedError

    @property
    def bias(self) -> Tensor:
        """``[K]``: outputs for features that are all zero."""
        raise NotImplementedError

    @property
    def in_features(self) -> int | None:
        """Number of features F, None before the first data."""
        raise NotImplementedError

    @property
    def num_rows(self) -> int:
        """Number of rows learned from."""
        raise NotImplementedError

    def fit(self, x: Numbers, y: Numbers) -> Self:
        """Forgets everything and learns from ``x`` ``[B, F]`` and ``y`` ``[B]`` or ``[B, K]``."""
        raise NotImplementedError

    def partial_fit(self, x: Numbers, y: Numbers) -> Self:
        """Learns from more data, in addition to all before."""
        raise NotImplementedError

    def config(self) -> dict[str, Any]:
        """The parameters of the constructor, as JSON values."""
        raise NotImplementedError

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the readout, with everything it learned, to a safetensors file.

        Raises:
            OSError: If the file cannot be written; the one before it stays whole.
        """
        header = {"class": type(self).__name__, "config": self.config()}
        storage.write(path, "readout", dict(self.named_buffers()), header)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The readout that :meth:`save` wrote; it goes on learning to the same bits.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is truncated, damaged, foreign, newer, or holds something else.
        """
        tensors, header = storage.read(path, "readout")
        with storage.reading(path):
            if header["class"] != cls.__name__:
                raise ValueError(f"this is a {header['class']}; call '{header['class']}.load'")
            self = cls(**header["config"])
            self.load_state_dict(tensors)
        return self

    def forward(self, x: Numbers) -> Tensor:
        """Outputs ``[B, K]`` (one column per class or value), differentiable in ``x`` ``[B, F]``.

        Computed in float64, returned in the dtype of ``x`` (float32 for integers).

        Raises:
            RuntimeError: If nothing was learned yet.
            TypeError, ValueError: If ``x`` is not finite, or not ``[B, F]``.
        """
        x = as_tensor("x", x)
        output = self._output(x)
        dtype = x.dtype if x.is_floating_point() else torch.float32
        largest = float(output.detach().abs().max())
        if largest > torch.finfo(dtype).max:
            raise ValueError(
                f"The outputs reach {largest:.3g}, which {dtype} of 'x' does not hold; pass "
                f"'x.double()'"
            )
        return output.to(dtype)

    def predict(self, x: Numbers) -> Tensor:
        """Labels ``[B]`` int64, or values in the shape of the targets, for ``x`` ``[B, F]``."""
        if self.classes is not None:
            return self.classes[self._output(as_tensor("x", x)).argmax(dim=1)]
        output = self(x)
        assert self.y_first is not None
        return output.reshape(-1, *self.y_first.shape)

    def score(self, x: Numbers, y: Numbers) -> float:
        """Accuracy for labels; for values R squared, averaged over the targets.

        R squared of a target without variance is 1 if it is met exactly, else 0.
        """
        prediction = self.predict(x)
        y = self._check_targets(prediction, y)
        if self.classes is not None:
            return (prediction == y).double().mean().item()
        error = (prediction.double() - y).square().sum(dim=0)
        total = (y - y.mean(dim=0)).square().sum(dim=0)
        r2 = 1.0 - error / total
        return torch.where(total > 0, r2, (error == 0).double()).mean().item()

    def _output(self, x: Tensor) -> Tensor:
        if self.in_features is None:
            raise self._nothing_learned()
        self._check_features(x)
        return x.double() @ self.weight + self.bias

    def _check(self, x: Numbers, y: Numbers, fresh: bool = False) -> tuple[Tensor, Tensor]:
        """Refuses bad data before anything changes; returns ``x``, and ``y`` int64 or float64.

        ``fresh``: what was learned before does not matter.
        """
        x = as_tensor("x", x)
        self._check_features(x, fresh)
        return x.detach(), self._check_targets(x, y, fresh)

    def _check_features(self, x: Tensor, fresh: bool = False) -> None:
        if x.dim() != 2 or 0 in x.shape:
            raise ValueError(
                f"'x' must have shape [B, F] with B, F >= 1 (got {list(x.shape)}); "
                f"one sample is 'x.unsqueeze(0)'"
            )
        if not fresh and self.in_features is not None:
            if x.size(1) != self.in_features:
                raise ValueError(
                    f"'x' has {x.size(1)} features but the readout learned from "
                    f"{self.in_features}; pass the same features, or 'fit' anew"
                )
            if x.device != self._device:
                raise ValueError(
                    f"'x' is on {x.device} but the readout on {self._device}; "
                    f"call 'readout.to(x.device)'"
                )
        check_finite("x", x)

    def _check_targets(self, x: Tensor, y: Numbers, fresh: bool = False) -> Tensor:
        words = "words become labels by 'np.unique(y, return_inverse=True)[1]'"
        y = as_tensor("y", y, words)
        labels = not y.is_floating_point()
        if y.dim() not in ((1,) if labels else (1, 2)) or 0 in y.shape:
            rule = "integer 'y' are labels of shape [B]" if labels else "'y' must be [B] or [B, K]"
            remedy = (
                "reshape them, or pass 'y.double()' if they are values" if labels else "reshape"
            )
            raise ValueError(f"{rule} (got {list(y.shape)}); {remedy}")
        if y.size(0) != x.size(0):
            raise ValueError(
                f"'x' has {x.size(0)} rows but 'y' {y.size(0)}; pass one target per sample"
            )
        if y.device != x.device:
            raise ValueError(f"'y' is on {y.device} but 'x' on {x.device}; use 'y.to(x.device)'")
        if not fresh and self.in_features is not None:
            if labels != (self.classes is not None):
                given, learned = ("labels", "values") if labels else ("values", "labels")
                raise ValueError(
                    f"'y' holds {given} ({y.dtype}) but the readout learned {learned}; "
                    f"convert 'y', or 'fit' anew"
                )
            if self.y_first is not None and y.shape[1:] != self.y_first.shape:
                raise ValueError(
                    f"'y' must have shape {['B', *self.y_first.shape]} as before "
                    f"(got {list(y.shape)}); reshape it, or 'fit' anew"
                )
        if labels:
            return y.long()
        check_finite("y", y)
        return y.detach().double()

    @property
    def _device(self) -> torch.device:
        return next(buffer.device for buffer in self.buffers())

    def _know(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Adds ``labels`` to the classes; returns the columns of the old ones, and all classes."""
        old = labels[:0] if self.classes is None else self.classes
        classes = torch.unique(torch.cat([old, labels]))
        self.classes = classes
        return torch.searchsorted(classes, old), classes

    def _size(self) -> str:
        if self.in_features is None:
            return ""
        kind = "values" if self.classes is None else "classes"
        return f", {self.in_features} features -> {self.bias.numel()} {kind}"

    def _nothing_learned(self) -> RuntimeError:
        return RuntimeError(
            f"'{type(self).__name__}' has seen no data; call 'fit' or 'partial_fit' first"
        )

    def _forget(self) -> None:
        for name in self._buffers:
            self._buffers[name] = None

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # 'model.half()' must not round the sums: only the device of a conversion is followed.
        super()._apply(lambda t: t.to(fn(t.new_empty(0)).device), recurse)  # type: ignore[no-untyped-call]
        return self

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        # Only the one who saved knows the shapes; unknown keys are refused by 'load_state_dict'.
        saved = {name: state_dict.get(prefix + name) for name in self._buffers}
        for name, value in saved.items():
            self._buffers[name] = None if value is None else value.detach().clone()
        super()._load_from_state_dict(state_dict, prefix, *args)


def warn_of_constant_features(num_rows: int, num_features: int) -> None:
    """Says that there is nothing to learn from, unless it is one row."""
    if num_rows > 1:
        warn(
            f"None of {num_features} features varies over {num_rows} rows, so that all predictions "
            f"are the same; look at 'reservoir.diagnose()' if they are states of a reservoir"
        )


def floored_sd(variance: Tensor) -> Tensor:
    """Standard deviations ``[F]`` by which features are divided, from their variances ``[F]``.

    None is below 5 % of the median over the features that vary, so that a neuron that is almost
    silent in training is not blown up by the next spike; 1 if no feature varies.
    """
    sd = variance.clamp(min=0.0).sqrt()
    varying = sd[sd > 0]
    return sd.clamp(min=0.05 * varying.median().item()) if varying.numel() else torch.ones_like(sd)


def one_hot(labels: Tensor, classes: Tensor) -> Tensor:
    """``[B, K]`` float64: 1 where label b is class k, else 0."""
    return (labels.unsqueeze(1) == classes).double()


def widened(value: Tensor, place: Tensor, size: int) -> Tensor:
    """Puts the columns ``value`` ``[..., K]`` at ``place`` ``[K]`` of ``size`` zero columns."""
    return value.new_zeros(*value.shape[:-1], size).index_copy(-1, place, value)
