"""One training loop and one evaluation for every language experiment."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lora_ref.shapes import Float, Int


@dataclass(frozen=True)
class TrainConfig:
    steps: int  # optimizer steps
    learning_rate: float  # of AdamW, at the peak of the schedule
    batch: int = 8  # windows a step
    context: int = 128  # tokens a window
    warmup: int = 10  # steps of linear rise before the cosine fall to zero
    weight_decay: float = 0.0
    clip: float = 1.0  # largest global norm of the gradient


def train_model(
    model: nn.Module,
    tokens: Int[Tensor, "n"],
    config: TrainConfig,
    seed: int,
    report: Callable[[int, int], None] | None = None,
) -> list[float]:
    """Train what requires gradients, on windows drawn by `seed`; return the loss of each step, nats a token.

    Two runs with the same seed see the same windows in the same order, whatever is trained:
    their difference is a paired one.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trained:
        raise ValueError("nothing to train: no parameter requires a gradient; inject a method first")
    device = trained[0].device
    optimizer = torch.optim.AdamW(trained, lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warmup_cosine(step, config))
    generator = torch.Generator().manual_seed(seed)
    model.train()
    losses = []
    for step in range(config.steps):
        windows = draw_windows(tokens, config.batch, config.context, generator).to(device)  # (B, T+1)
        loss = next_token_loss(model, windows).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(trained, config.clip)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if report is not None:
            report(step + 1, config.steps)
    return losses


def warmup_cosine(step: int, config: TrainConfig) -> float:
    """The factor on the learning rate: a linear rise over `warmup` steps, then half a cosine down to zero."""
    if step < config.warmup:
        return (step + 1) / (config.warmup + 1)
    progress = (step - config.warmup) / max(1, config.steps - config.warmup)
    return 0.5 * (1 + math.cos(math.pi * progress))


def draw_windows(
    tokens: Int[Tensor, "n"], batch: int, context: int, generator: torch.Generator
) -> Int[Tensor, "batch {context}+1"]:
    """`batch` windows at random places; the extra token is the last target."""
    starts = torch.randint(len(tokens) - context, (batch,), generator=generator)
    return torch.stack([tokens[start : start + context + 1] for start in starts.tolist()]).long()


def next_token_loss(model: nn.Module, windows: Int[Tensor, "B tokens"]) -> Float[Tensor, "B tokens-1"]:
    """Cross entropy of every token given those before it, in nats."""
    logits = model(windows[:, :-1])  # (B, T, vocabulary)
    return F.cross_entropy(logits.transpose(1, 2).float(), windows[:, 1:], reduction="none")


@torch.no_grad()
def evaluate(
    model: nn.Module, tokens: Int[Tensor, "n"], windows: int, context: int = 128, batch: int = 32
) -> list[float]:
    """Mean loss of each of `windows` windows spread evenly over the tokens, nats a token; always the same ones."""
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    starts = torch.linspace(0, len(tokens) - context - 1, windows, dtype=torch.float64).long()
    losses = []
    for chunk in starts.split(batch):
        rows = torch.stack([tokens[start : start + context + 1] for start in chunk.tolist()]).long()
        losses += next_token_loss(model, rows.to(device)).mean(dim=1).tolist()
    model.train(was_training)
    return losses
