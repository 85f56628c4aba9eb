"""TorchScript modules that code of their own loads."""

import torch


class FromTuple(torch.nn.Module):
    """Keeps a parameter in a tuple; classes of it say how it is loaded, by `__setstate__`."""

    def __init__(self):
        super().__init__()
        self.x = torch.nn.Parameter(torch.zeros(1))

    @torch.jit.export
    def __getstate__(self):
        return self.x, self.training

    def forward(self):
        return self.x
