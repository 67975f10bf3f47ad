"""How many directions a real update has: singular values of what full training changed, of the weights, of noise.

Trains the 24 matrices of the small model in full on code, and takes from each the weight it started with. Measures
singular values as shares of the largest, their squares as shares of the sum, and the loss after cutting the update.
"""

DEVICE = "cpu"
RATE = 4e-3  # of AdamW: what full training of the same matrices chose in rank/loss_by_rank
STEPS, BATCH, CONTEXT = 150, 8, 128
DIRECTIONS = (1, 2, 4, 8, 16, 32, 64, 128)  # kept of each matrix; all 24 have 128
SHARE = 0.95  # of the norm, and of its square
WINDOWS = 300  # of CONTEXT tokens of test code
SEEDS = (0, 1, 2)
READS = ("corpus.txt", "docs/records/base/base.safetensors", "docs/records/base/tokenizer.json")

MEANING = {
    "directions": "directions kept of each matrix",
    "singular_values_*": "singular value of the *, in order, as a share of the largest; mean over the 24 matrices",
    "energies_*": "share of the squared norm of the * in its largest directions; mean over the 24 matrices",
    "stable_rank_*": "stable rank of the *, mean over the 24 matrices",
    "energy_*_top_8": "share of the squared norm of the * in its 8 largest directions, mean over the 24 matrices",
    "directions_norm_*": "directions of the * that hold 95% of its norm, mean over the 24 matrices",
    "directions_square_*": "directions of the * that hold 95% of its squared norm, mean over the 24 matrices",
    "loss_before_nats": "loss on test code before any tuning, nats a token",
    "losses_cut_nats": "loss on test code with each update cut to its largest directions, nats a token",
    "loss_cut_*_nats": "loss on test code with each update cut to its * largest directions, nats a token",
    "loss_full_nats": "loss on test code with the whole update, nats a token",
    "matrices": "matrices trained",
}


# --8<-- [start:spectrum]
def spectrum(matrix):
    """Its singular values as shares of the largest, the energy in the first k, stable rank, two counts."""
    import torch

    values = torch.linalg.svdvals(matrix.double())  # largest first
    energy = (values**2).cumsum(0) / (values**2).sum()
    return {
        "singular_values": values / values[0],
        "energies": energy,
        "stable_rank": (values**2).sum() / values[0] ** 2,
        "directions_norm": (energy.sqrt() < SHARE).sum() + 1.0,
        "directions_square": (energy < SHARE).sum() + 1.0,
    }


def cut(matrix, rank):
    """The nearest matrix of this rank: its largest directions, the others dropped."""
    import torch

    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    return (u[:, :rank] * s[:rank]) @ v[:rank]


# --8<-- [end:spectrum]


def run(seed, report):
    import torch

    from lora_ref.data import encode, load_text
    from lora_ref.model import load_model
    from lora_ref.train import TrainConfig, evaluate, train_model

    text, tokenizer = load_text(report.read("corpus.txt")), report.read("docs/records/base/tokenizer.json")
    train, test = (encode(text[f"code/{split}"], tokenizer) for split in ("train", "test"))

    def loss():
        losses = evaluate(model, test, WINDOWS, CONTEXT)
        return sum(losses) / len(losses)

    torch.manual_seed(seed)
    model = load_model(report.read("docs/records/base/base.safetensors")).requires_grad_(False)
    weights = [
        layer.weight
        for block in model.blocks
        for layer in (*block.attention.children(), block.up_proj, block.down_proj)
    ]
    base = [weight.clone() for weight in weights]
    values = {"loss_before_nats": loss(), "matrices": len(weights)}
    for weight in weights:
        weight.requires_grad_(True)
    train_model(model, train, TrainConfig(STEPS, RATE, BATCH, CONTEXT), seed, lambda done, _: report(done, STEPS))
    values["loss_full_nats"] = loss()
    updates = [(weight - start).detach() for weight, start in zip(weights, base, strict=True)]

    noise = [torch.randn(weight.shape) for weight in weights]
    for name, matrices in {"update": updates, "weights": base, "noise": noise}.items():
        for key, each in _columns(spectrum(matrix) for matrix in matrices).items():
            mean = torch.stack(each).mean(0)
            values[f"{key}_{name}"] = mean[[k - 1 for k in DIRECTIONS]].tolist() if mean.ndim else mean.item()
    values["losses_cut_nats"] = []
    for rank in DIRECTIONS[:-1]:
        with torch.no_grad():
            for weight, start, update in zip(weights, base, updates, strict=True):
                weight.copy_(start + cut(update, rank))
        values["losses_cut_nats"].append(loss())
    return values


def _columns(rows):
    rows = list(rows)
    return {key: [row[key] for row in rows] for key in rows[0]}


def combine(seeds):
    from lora_ref.grid import over_seeds

    at_8 = DIRECTIONS.index(8)
    values = {"directions": list(DIRECTIONS), "matrices": seeds[0]["matrices"]}
    values |= {"loss_before_nats": seeds[0]["loss_before_nats"]}
    values |= over_seeds("loss_full_nats", [one["loss_full_nats"] for one in seeds])
    for name in ("update", "weights", "noise"):
        for key in ("stable_rank", "directions_norm", "directions_square"):
            values |= over_seeds(f"{key}_{name}", [one[f"{key}_{name}"] for one in seeds])
        values |= over_seeds(f"energy_{name}_top_8", [one[f"energies_{name}"][at_8] for one in seeds])
        for key in (f"singular_values_{name}", f"energies_{name}"):
            values[key] = [sum(column) / len(seeds) for column in zip(*(one[key] for one in seeds), strict=True)]
    for at, rank in enumerate(DIRECTIONS[:-1]):
        values |= over_seeds(f"loss_cut_{rank}_nats", [one["losses_cut_nats"][at] for one in seeds])
    for column, name in (("losses_cut_nats", "loss_cut_{}_nats"), ("losses_cut_nats_sd", "loss_cut_{}_nats_sd")):
        values[column] = [values[name.format(rank)] for rank in DIRECTIONS[:-1]]
    return values


def figures(values):
    from lora_ref.site import chart

    names = {
        "update": ("the update", "update"),
        "weights": ("the weights before", "weights"),
        "noise": ("random numbers", "random"),
    }
    told = {"energies": [], "singular_values": []}
    for key, name in names.items():
        told["energies"] += [f"{name[0]}: {values[f'energy_{key}_top_8']:.0%} in the first 8"]
        told["singular_values"] += [f"{name[0]}: number 64 is {values[f'singular_values_{key}'][6]:.0%} of the largest"]
    drawn = {
        "energies": chart.new(f"Share of the squared norm in the largest directions. {'; '.join(told['energies'])}."),
        "singular_values": chart.new(
            f"Singular values as shares of the largest. {'; '.join(told['singular_values'])}.", height=(300, 300)
        ),
    }
    for column, fig in drawn.items():
        for (key, name), tone, dash, mark in zip(
            names.items(), ("trained", "frozen", "ink-2"), ("solid", "dash", "dot"), chart.MARKERS, strict=False
        ):
            at = {"energies": {"noise": 32, "weights": 4, "update": 16}, "singular_values": dict.fromkeys(names, 64)}
            show = (8,) if column == "energies" and key != "weights" else ()
            chart.line(
                fig,
                list(DIRECTIONS),
                values[f"{column}_{key}"],
                name,
                tone=tone,
                dash=dash,
                marker=mark,
                format=".0%",
                show=show,
                at=at[column][key],
                value=False,
            )
        chart.rank_axis(fig, list(DIRECTIONS), ("directions, each step doubles", "directions"))
    chart.y_axis(drawn["energies"], "share of the squared norm", format=".0%", low=0, high=1)
    chart.y_axis(drawn["singular_values"], "singular value, largest = 100%", format=".0%", low=0, high=1)

    losses, full, before = values["losses_cut_nats"], values["loss_full_nats"], values["loss_before_nats"]
    pairs = ", ".join(f"{loss:.2f} at {rank}" for rank, loss in zip(DIRECTIONS, losses, strict=False))
    fig = chart.new(f"Loss on test code with the update cut: {pairs}. Whole: {full:.2f}; no update: {before:.2f}.")
    shown = {"sd": values["losses_cut_nats_sd"], "format": ".2f", "show": (1, 8)}
    chart.line(fig, list(DIRECTIONS[:-1]), losses, ("update cut to rank r", "cut"), **shown)
    chart.reference(fig, full, ("the whole update", "whole update"), format=".2f")
    chart.reference(fig, before, "no update", format=".2f")
    chart.rank_axis(fig, list(DIRECTIONS[:-1]))
    chart.y_axis(fig, "loss, nats a token", format=".1f")
    return {"energy": drawn["energies"], "singular": drawn["singular_values"], "cut": fig}
