"""A small decoder-only transformer: the base model of every language experiment here.

Rotary positions (Su et al. 2021), pre-norm, GELU, output tied to the embedding. The field's
usual parts and nothing else, so that an adapter can be read in context.
"""

# nn.Module types a registered buffer as Tensor | Module.
# pyright: reportIndexIssue=false

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from lora_ref.shapes import Float, Int


@dataclass(frozen=True)
class GPTConfig:
    layers: int = 4
    width: int = 128  # numbers a token is made of
    heads: int = 4
    vocabulary: int = 1024  # tokens
    context: int = 128  # tokens a window


class Attention(nn.Module):
    def __init__(self, config: GPTConfig):
        super().__init__()
        self.heads = config.heads
        self.q_proj = nn.Linear(config.width, config.width)
        self.k_proj = nn.Linear(config.width, config.width)
        self.v_proj = nn.Linear(config.width, config.width)
        self.o_proj = nn.Linear(config.width, config.width)

    def forward(self, x: Float[Tensor, "B T C"], rotation: tuple[Tensor, Tensor]) -> Float[Tensor, "B T C"]:
        B, T, C = x.shape
        q = self.q_proj(x).view(B, T, self.heads, -1).transpose(1, 2)  # (B, heads, T, C/heads)
        k = self.k_proj(x).view(B, T, self.heads, -1).transpose(1, 2)
        v = self.v_proj(x).view(B, T, self.heads, -1).transpose(1, 2)
        y = F.scaled_dot_product_attention(rotate(q, rotation), rotate(k, rotation), v, is_causal=True)
        return self.o_proj(y.transpose(1, 2).reshape(B, T, C))


class Block(nn.Module):
    def __init__(self, config: GPTConfig):
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width)
        self.attention = Attention(config)
        self.mlp_norm = nn.LayerNorm(config.width)
        self.up_proj = nn.Linear(config.width, 4 * config.width)
        self.down_proj = nn.Linear(4 * config.width, config.width)

    def forward(self, x: Float[Tensor, "B T C"], rotation: tuple[Tensor, Tensor]) -> Float[Tensor, "B T C"]:
        x = x + self.attention(self.attention_norm(x), rotation)
        return x + self.down_proj(F.gelu(self.up_proj(self.mlp_norm(x))))


class GPT(nn.Module):
    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        cos, sin = rotary_table(config.context, config.width // config.heads)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                # GPT-2's 0.02, smaller where a layer writes into the residual stream (Radford et al. 2019).
                into_stream = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(parameter, std=0.02 / (2 * config.layers) ** 0.5 if into_stream else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T vocabulary"]:
        T = tokens.shape[1]
        x = self.embedding(tokens)  # (B, T, C)
        for block in self.blocks:
            x = block(x, (self.cos[:T], self.sin[:T]))
        return F.linear(self.norm(x), self.embedding.weight)


def rotary_table(context: int, size: int) -> tuple[Float[Tensor, "T half"], Float[Tensor, "T half"]]:
    """Cosines and sines of position times frequency; frequencies from 1 down to 1/10,000."""
    frequency = 10_000.0 ** (-torch.arange(0, size, 2) / size)  # (size/2,)
    angle = torch.arange(context)[:, None] * frequency  # (T, size/2)
    return angle.cos(), angle.sin()


def rotate(x: Float[Tensor, "B heads T size"], rotation: tuple[Tensor, Tensor]) -> Float[Tensor, "B heads T size"]:
    """Turn each pair (x[i], x[i + size/2]) by its position's angle."""
    cos, sin = rotation  # (T, size/2)
    a, b = x.chunk(2, dim=-1)  # (B, heads, T, size/2)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def save_model(model: GPT, path: Path) -> None:
    """Write weights and configuration as one safetensors file."""
    config = {name: str(value) for name, value in asdict(model.config).items()}
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path, metadata=config)


def load_model(path: Path) -> GPT:
    """Read what `save_model` wrote; a file of another shape is an error, never a random model."""
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing: it is the base model that every language experiment starts from; "
            "restore it with git, or make it with `python -m lora_ref.site run base/pretrain`"
        )
    with safe_open(path, framework="pt") as file:
        config = GPTConfig(**{name: int(value) for name, value in file.metadata().items()})
        model = GPT(config)
        model.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    return model
