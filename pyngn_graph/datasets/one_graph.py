"""A data set of one graph that is made of raw files, in the folders of PyG, without a pickle."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from torch_geometric.data import Data, InMemoryDataset

from pyngn_graph.datasets.cache import cache_name
from pyngn_graph.files import load_graph, save_graph


class ConnectomeDataset(InMemoryDataset):
    """A data set of one graph, ``ds[0]``, made from raw files.

    Folders are those of PyG: raw files stand in ``root`` or ``root/raw``; ``root/processed`` holds
    graphs, if they are to be kept there. Such a file is one of :func:`pyngn_graph.save_graph`,
    never a pickle, and its name stands for the version of the package, the raw files, all arguments
    and ``pre_transform``: what differs in any of them is another file.

    Args:
        root: The folder.
        sha256: Names and SHA-256 of the raw files.
        build: Makes the graph of them.
        settings: The arguments that ``build`` depends on.
        transform: Applied to the graph each time it is taken out.
        pre_transform: Applied to it once, before it is kept.
        cache: True writes the graph to ``root/processed``, and reads it from there next time,
            without the raw files.

    Raises:
        ValueError: If a kept graph is damaged or foreign, or, with ``cache``, an argument is a
            function, which has no name that says what it does.
    """

    def __init__(
        self,
        root: str | Path,
        sha256: Mapping[str, str],
        build: Callable[[], Data],
        settings: Mapping[str, Any],
        transform: Callable[[Data], Data] | None = None,
        pre_transform: Callable[[Data], Data] | None = None,
        cache: bool = False,
    ) -> None:
        self._sha256, self._settings = dict(sha256), dict(settings)
        super().__init__(str(Path(root).expanduser()), transform, pre_transform)
        self._data = self._kept(build) if cache else self._made(build)

    @property
    def raw_file_names(self) -> list[str]:
        """Names of the raw files."""
        return list(self._sha256)

    @property
    def processed_file_names(self) -> list[str]:
        """Name of the file that keeps the graph, if ``cache`` is set."""
        kind = type(self).__name__
        return [cache_name(kind, self._sha256, self._settings, self.pre_transform)]

    def _made(self, build: Callable[[], Data]) -> Data:
        data = build()
        return data if self.pre_transform is None else self.pre_transform(data)

    def _kept(self, build: Callable[[], Data]) -> Data:
        path = Path(self.processed_paths[0])
        if path.is_file():
            try:
                return load_graph(path)
            except ValueError as error:
                raise ValueError(f"{error}; or remove it, and it is made anew") from error
        data = self._made(build)
        path.parent.mkdir(exist_ok=True)
        save_graph(data, path)
        return data

    def load(self, path: str, data_cls: type[Data] = Data) -> NoReturn:
        """Refused: what PyG keeps in a cache is a pickle, which may hold code."""
        raise ValueError(
            f"'{path}' is not read: caches of PyG are pickles, which may hold code; write the "
            f"graph, 'ds[0]', with 'save_graph' and read it with 'load_graph'"
        )
