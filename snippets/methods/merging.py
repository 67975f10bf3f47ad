"""What merging rounds away: the output's error over the output of the update alone, in percent, by the base's precision.

A base of random numbers is stored in fp32, bf16 or NF4, and an update of known size is merged into it in fp64.
The sum is rounded to the base's precision again; outputs are computed in fp64, so that this is all that differs.
"""

import torch

DEVICE = "cpu"
SEEDS = (1, 2, 3, 4)
WIDTH, RANK, TOKENS = 512, 8, 256
SHARE = 0.01  # norm of the update over norm of the base
BLOCK = 64  # weights that share a scale in NF4

MEANING = {"error_*_percent": "error of the output after merging, over the output of the update alone, in percent: *"}


# --8<-- [start:merge]
def run(seed, report):
    torch.manual_seed(seed)
    weight = torch.randn(WIDTH, WIDTH, dtype=torch.float64) / WIDTH**0.5
    update = torch.randn(WIDTH, RANK, dtype=torch.float64) @ torch.randn(RANK, WIDTH, dtype=torch.float64)
    update *= SHARE * weight.norm() / update.norm()
    x = torch.randn(WIDTH, TOKENS, dtype=torch.float64)
    values = {}
    for name, stored in (("fp32", fp32), ("bf16", bf16), ("nf4", nf4)):
        base = stored(weight)
        error = (stored(base + update) - (base + update)) @ x
        values[f"error_{name}_percent"] = 100 * (error.norm() / (update @ x).norm()).item()
    report(1, 1)
    return values


# --8<-- [end:merge]


def fp32(weight):
    return weight.float().double()


def bf16(weight):
    return weight.bfloat16().double()


def nf4(weight):
    """Each number as the nearest of sixteen, times the largest of its block. Dettmers et al. 2023, section 3."""
    levels = codebook()
    blocks = weight.reshape(-1, BLOCK)
    scale = blocks.abs().amax(dim=1, keepdim=True)
    nearest = torch.bucketize(blocks / scale, (levels[1:] + levels[:-1]) / 2)
    return (levels[nearest] * scale).reshape(weight.shape)


def codebook():
    """The sixteen levels of NF4: quantiles of a normal distribution, eight above zero, seven below, and zero."""
    edge = 1 - (1 / 32 + 1 / 30) / 2
    normal = torch.distributions.Normal(torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64))
    above = normal.icdf(torch.linspace(edge, 0.5, 9, dtype=torch.float64)[:-1])
    below = -normal.icdf(torch.linspace(edge, 0.5, 8, dtype=torch.float64)[:-1])
    levels = torch.cat([above, below, torch.zeros(1, dtype=torch.float64)]).sort().values
    return levels / levels.max()
