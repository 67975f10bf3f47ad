"""LoRA: a frozen linear layer and a trained product of two thin matrices beside it.

Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", section 4.1:

    y = W0 x + (alpha / rank) B A x        A: (rank, in), B: (out, rank)

Initial values are those of loralib and PEFT: A Kaiming-uniform, B zero, so that the
layer starts as exactly the frozen one.
"""

# nn.Module types every attribute as Tensor | Module, so these rules see errors where there are none.
# pyright: reportCallIssue=false, reportArgumentType=false, reportOperatorIssue=false, reportGeneralTypeIssues=false
# pyright: reportAttributeAccessIssue=false

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lora_ref.shapes import Float


class LoRALinear(nn.Module):
    """Wrap a linear layer; freeze it; train `lora_A` and `lora_B` beside it.

    base: an `nn.Linear`, or GPT-2's `Conv1D` (which stores its weight as (in, out)).
    rank: the side that A and B share, at least 1.
    alpha: the update is scaled by alpha / rank.
    dropout: probability of dropping an input of A in training; the frozen path never drops.
    Both matrices take the dtype and device of the base weight.
    """

    def __init__(self, base: nn.Module, rank: int = 8, alpha: float = 16, dropout: float = 0.0):
        super().__init__()
        if not isinstance(base, nn.Linear) and type(base).__name__ != "Conv1D":
            raise TypeError(
                f"LoRALinear wraps an nn.Linear or GPT-2's Conv1D, got {type(base).__name__}; name a linear layer of the model instead"
            )
        if rank < 1:
            raise ValueError(f"rank must be 1 or more, got {rank}; to train nothing, leave the layer as it is")
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout must be at least 0 and below 1, got {dropout}")
        self.base = base.requires_grad_(False)
        self.rank = rank
        self.scaling = alpha / rank
        self.dropout = nn.Dropout(dropout)
        self.transposed = type(base).__name__ == "Conv1D"  # its weight is (in, out)
        rows, columns = base.weight.shape
        d_out, d_in = (columns, rows) if self.transposed else (rows, columns)
        self.lora_A = nn.Parameter(base.weight.new_empty(rank, d_in))
        self.lora_B = nn.Parameter(base.weight.new_zeros(d_out, rank))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))  # uniform in +-1/sqrt(in), as nn.Linear draws
        self._merged = False
        self._original: Tensor | None = None  # W0, kept by merge() for unmerge()

    # --8<-- [start:forward]
    def forward(self, x: Float[Tensor, "*tokens d_in"]) -> Float[Tensor, "*tokens d_out"]:
        y = self.base(x)
        if self._merged:
            return y
        # alpha / rank is applied on the thin side: rank numbers a token instead of d_out.
        z = F.linear(self.dropout(x.to(self.lora_A.dtype)), self.lora_A) * self.scaling  # (*tokens, rank)
        if z.dtype == y.dtype:
            # The addition rides on the product: no second (*tokens, d_out) tensor is made.
            return torch.addmm(y.reshape(-1, y.shape[-1]), z.reshape(-1, self.rank), self.lora_B.T).view_as(y)
        return (y + F.linear(z, self.lora_B)).to(y.dtype)

    # --8<-- [end:forward]

    def delta_weight(self) -> Float[Tensor, "..."]:
        """(alpha / rank) B A, in the base weight's layout; computed and returned in fp32 at least."""
        wide = torch.promote_types(self.lora_A.dtype, torch.float32)
        delta = (self.lora_B.to(wide) @ self.lora_A.to(wide)) * self.scaling  # (out, in)
        return delta.T if self.transposed else delta

    @property
    def merged(self) -> bool:
        return self._merged

    @torch.no_grad()
    def merge(self, keep: str | None = "device") -> None:
        """Add the update to the base weight. Merging twice is merging once.

        keep: where the original weight is kept for `unmerge()`: "device", "cpu", or None for
        nowhere. Subtracting the update again would not restore it: the sum was rounded.
        """
        if keep not in ("device", "cpu", None):
            raise ValueError(f'keep must be "device", "cpu" or None, got {keep!r}')
        if self._merged:
            return
        weight = self.base.weight
        if keep == "device":
            self._original = weight.detach().clone()
        elif keep == "cpu":
            self._original = weight.detach().to("cpu", copy=True)
        # The sum is fp32 at least and rounded once, so that a half-precision base loses no more than it must.
        delta = self.delta_weight()
        weight.copy_(weight.to(delta.dtype) + delta)
        self._merged = True

    @torch.no_grad()
    def unmerge(self) -> None:
        """Put the original weight back, bit for bit."""
        if not self._merged:
            return
        if self._original is None:
            raise RuntimeError(
                "cannot unmerge: merge(keep=None) kept no copy of the original weight, and subtracting the "
                'update does not restore it; merge with keep="cpu" or keep="device", or load the base again'
            )
        self.base.weight.copy_(self._original)
        self._original = None
        self._merged = False

    def extra_repr(self) -> str:
        return f"rank={self.rank}, scaling={self.scaling:g}, merged={self._merged}"
