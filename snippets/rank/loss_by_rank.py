"""How the loss falls with rank: the small model, which has read documentation, learns to read code.

Measures loss on test code in nats a token, after tuning with LoRA at seven ranks, with the same matrices
trained in full, and with everything trained. Each method takes its best learning rate on validation code.
"""

DEVICE = "cpu"
RANKS = (1, 2, 4, 8, 16, 32, 64)
ALPHA = 16
STEPS, BATCH, CONTEXT = 150, 8, 128
METHODS = ("rank_1", "rank_2", "rank_4", "rank_8", "rank_16", "rank_32", "rank_64", "full_matrices", "full_all")
LORA_RATES = (4e-3, 8e-3, 1.6e-2, 3.2e-2)  # of AdamW; each method takes the best on validation code,
FULL_RATES = (1e-3, 2e-3, 4e-3, 8e-3)  # and none of the best may lie at an edge
VALIDATION_WINDOWS, TEST_WINDOWS = 150, 300  # of CONTEXT tokens
SEEDS = (0, 1, 2)
READS = ("corpus.txt", "docs/records/base/base.safetensors", "docs/records/base/tokenizer.json")

MEANING = {
    "ranks": "ranks",
    "losses_nats": "loss on test code at each rank, nats a token",
    "loss_before_nats": "loss on test code before any tuning, nats a token",
    "loss_rank_*_nats": "loss on test code after tuning with LoRA, rank *, nats a token",
    "loss_full_matrices_nats": "loss on test code after training the same matrices in full, nats a token",
    "loss_full_all_nats": "loss on test code after training everything, nats a token",
    "losses_by_rate_*_nats": "loss on test code at each learning rate tried, *, nats a token",
    "rates": "learning rate chosen for LoRA at each rank",
    "rate_full_matrices": "learning rate chosen for the same matrices in full",
    "rate_full_all": "learning rate chosen for training everything",
}
CHECK_SECONDS = 45  # what recheck() takes


# --8<-- [start:method]
def put_in(method, model):
    """Choose what is trained: an adapter beside every linear layer, or those layers themselves, or all."""
    from functools import partial

    from lora_ref.inject import inject
    from lora_ref.lora import LoRALinear

    if method.startswith("rank_"):
        rank = int(method.removeprefix("rank_"))
        inject(model, "all-linear", partial(LoRALinear, rank=rank, alpha=ALPHA))
    elif method == "full_matrices":
        model.requires_grad_(False)
        for block in model.blocks:
            for layer in (*block.attention.children(), block.up_proj, block.down_proj):
                layer.weight.requires_grad_(True)


# --8<-- [end:method]


def rates_of(method):
    return LORA_RATES if method.startswith("rank_") else FULL_RATES


def tokens_of(report):
    from lora_ref.data import encode, load_text

    text, tokenizer = load_text(report.read("corpus.txt")), report.read("docs/records/base/tokenizer.json")
    return {split: encode(text[f"code/{split}"], tokenizer) for split in ("train", "validation", "test")}


# --8<-- [start:cell]
def cell(method, rate, seed, tokens, report):
    """(validation loss, test loss) of one method at one learning rate."""
    import torch

    from lora_ref.model import load_model
    from lora_ref.train import TrainConfig, evaluate, train_model

    model = load_model(report.read("docs/records/base/base.safetensors"))
    torch.manual_seed(seed)
    put_in(method, model)
    train_model(model, tokens["train"], TrainConfig(STEPS, rate, BATCH, CONTEXT), seed)
    validation = evaluate(model, tokens["validation"], VALIDATION_WINDOWS, CONTEXT)
    test = evaluate(model, tokens["test"], TEST_WINDOWS, CONTEXT)  # a split of its own
    return sum(validation) / len(validation), sum(test) / len(test)


# --8<-- [end:cell]


def run(seed, report):
    from lora_ref.model import load_model
    from lora_ref.train import evaluate

    tokens = tokens_of(report)
    before = evaluate(
        load_model(report.read("docs/records/base/base.safetensors")), tokens["test"], TEST_WINDOWS, CONTEXT
    )
    values = {"loss_before_nats": sum(before) / len(before)}
    steps, step = len(METHODS) * len(LORA_RATES), 0
    for method in METHODS:
        losses = []
        for rate in rates_of(method):
            losses.append(cell(method, rate, seed, tokens, report))
            report(step := step + 1, steps)
        values[f"validation_{method}_nats"], values[f"test_{method}_nats"] = map(list, zip(*losses, strict=True))
    return values


def combine(seeds):
    from statistics import fmean, stdev

    from lora_ref.grid import best_rate, over_seeds

    values = {"loss_before_nats": seeds[0]["loss_before_nats"], "ranks": list(RANKS)}
    for method in METHODS:
        rates = rates_of(method)
        best = best_rate(rates, [one[f"validation_{method}_nats"] for one in seeds], method)
        values |= over_seeds(f"loss_{method}_nats", [one[f"test_{method}_nats"][best] for one in seeds])
        values[f"rate_{method}"] = rates[best]
    for column, name in (("losses_nats", "loss_rank_{}_nats"), ("losses_nats_sd", "loss_rank_{}_nats_sd")):
        values[column] = [values[name.format(rank)] for rank in RANKS]
    for method in ("rank_1", "rank_8", "rank_64", "full_matrices"):  # what by_rate() draws
        columns = list(zip(*(one[f"test_{method}_nats"] for one in seeds), strict=True))
        values[f"losses_by_rate_{method}_nats"] = [fmean(column) for column in columns]
        values[f"losses_by_rate_{method}_nats_sd"] = [stdev(column) for column in columns]
    values["rates"] = [values.pop(f"rate_rank_{rank}") for rank in RANKS]
    return values


def recheck(seed, values, report):
    """Two of the chosen cells again; which two, the commit turns."""
    tokens, again = tokens_of(report), {}
    for turn in (report.turn, report.turn + 1):
        method = METHODS[turn % len(METHODS)]
        chosen = dict(
            zip(METHODS, [*values["rates"], values["rate_full_matrices"], values["rate_full_all"]], strict=True)
        )
        best = rates_of(method).index(chosen[method])
        again[f"test_{method}_nats"] = list(values[f"test_{method}_nats"])
        again[f"test_{method}_nats"][best] = cell(method, rates_of(method)[best], seed, tokens, report)[1]
    return again


def figures(values):
    from lora_ref.site import chart

    losses, before = values["losses_nats"], values["loss_before_nats"]
    matrices, everything = values["loss_full_matrices_nats"], values["loss_full_all_nats"]
    pairs = ", ".join(f"{loss:.2f} at {rank}" for rank, loss in zip(RANKS, losses, strict=True))
    fig = chart.new(
        alt=f"Loss on test code by rank: {pairs}. The same matrices in full reach {matrices:.2f}, everything in full "
        f"{everything:.2f}. Before tuning the loss was {before:.2f}."
    )
    chart.line(fig, list(RANKS), losses, "LoRA", sd=values["losses_nats_sd"], format=".3f", show=(RANKS[0], RANKS[3]))
    chart.reference(fig, matrices, ("same matrices in full", "same matrices"), format=".3f")
    chart.reference(fig, everything, ("everything in full", "everything"), format=".3f")
    chart.note(fig, RANKS[0], None, f"↑ {before:.2f} before tuning")
    chart.rank_axis(fig, list(RANKS))
    chart.y_axis(fig, "loss, nats a token", format=".1f")
    return {"curve": fig, "rates": by_rate(values)}


def by_rate(values):
    from lora_ref.site import chart

    lines = {
        "rank_1": ("rank 1", "trained", "dash"),
        "rank_8": ("rank 8", "trained", "solid"),
        "rank_64": ("rank 64", "trained", "dot"),
        "full_matrices": (("same matrices in full", "in full"), "ink-2", "dashdot"),
    }
    told = []
    for method, (name, *_) in lines.items():
        rates, losses = rates_of(method), values[f"losses_by_rate_{method}_nats"]
        pairs = ", ".join(f"{loss:.2f} at {rate:g}" for rate, loss in zip(rates, losses, strict=True))
        told.append(f"{name if isinstance(name, str) else name[0]}: {pairs}")
    fig = chart.new(f"Loss on test code by learning rate. {'; '.join(told)}.")
    for (method, (name, tone, dash)), mark in zip(lines.items(), chart.MARKERS, strict=False):
        spread = values[f"losses_by_rate_{method}_nats_sd"]
        place = {"at": FULL_RATES[0]} if method == "full_matrices" else {}
        style = {"tone": tone, "dash": dash, "marker": mark, "format": ".2f", "value": False}
        chart.line(
            fig, list(rates_of(method)), values[f"losses_by_rate_{method}_nats"], name, sd=spread, **style, **place
        )
    ticks = sorted({*LORA_RATES, *FULL_RATES})
    chart.x_axis(fig, "learning rate", ticks=ticks, format=".3f", log=True)
    chart.y_axis(fig, "loss, nats a token", format=".1f")
    return fig
