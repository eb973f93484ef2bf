"""Processes made by ``fork``: torch computes on one thread there, for its threads are gone.

A fork copies the memory of a process, and of its threads only the one that calls. The pool of
threads of torch (OpenMP) does not know that: the first operation in the child that wants them waits
for ever. Hence what torch does itself in the workers of a ``DataLoader`` is done here in every
child. No result depends on the number of threads.
"""

import os

import torch


def _on_one_thread() -> None:
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_on_one_thread)
