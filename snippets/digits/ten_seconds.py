"""LoRA in ten seconds: a small network that reads upright digits learns to read them rotated by a quarter turn.

Measures accuracy on test images, as a share: of the base, of LoRA by rank, and of full fine-tuning.
"""

DEVICE = "cpu"
HIDDEN = 128  # width of the two hidden layers
RANKS = (1, 2, 4, 8)
ALPHA = 16
TRAIN, VALIDATION = 1000, 300  # images; the others are the test
BASE_EPOCHS, BASE_RATE = 30, 3e-3
EPOCHS, BATCH = 10, 64
RATES = (2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2)  # of AdamW; each method takes the best on validation images
SEEDS = (0, 1, 2, 3, 4)

MEANING = {
    "accuracy_upright": "accuracy of the base network on upright test digits",
    "accuracy_before": "accuracy of the base network on rotated test digits, before any tuning",
    "accuracy_rank_*": "accuracy on rotated test digits after tuning with LoRA, rank *",
    "accuracy_full": "accuracy on rotated test digits after full fine-tuning",
    "parameters_full": "numbers that full fine-tuning trains",
    "rate_full": "learning rate chosen for full fine-tuning",
    "accuracy_by_rank": "accuracy on rotated test digits after tuning with LoRA, by rank",
    "parameters_by_rank": "numbers that LoRA trains, by rank",
    "rate_by_rank": "learning rate chosen for LoRA, by rank",
    "ranks": "ranks",
    "images_test": "test images",
}
TOLERANCE = {"accuracy_*": 0.02, "test_*": 0.02, "validation_*": 0.05}


# --8<-- [start:tune]
def tune(base, rank, images, labels, rate, seed):
    """A copy of the base, tuned on images (n, 64): with LoRA at `rank`, or in full at rank None."""
    import copy
    from functools import partial

    import torch
    from torch.nn import functional as F

    from lora_ref.inject import inject
    from lora_ref.lora import LoRALinear

    model = copy.deepcopy(base)
    torch.manual_seed(seed)
    if rank:
        inject(model, "all-linear", partial(LoRALinear, rank=rank, alpha=ALPHA))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=0.0)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(BATCH):
            loss = F.cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model, sum(parameter.numel() for parameter in trained)


# --8<-- [end:tune]


def run(seed, report):
    import torch
    from sklearn.datasets import load_digits
    from torch import nn
    from torch.nn import functional as F

    images, labels = (torch.tensor(array) for array in load_digits(return_X_y=True))
    upright = images.float() / 16  # (1797, 64)
    rotated = upright.view(-1, 8, 8).rot90(dims=(1, 2)).reshape(-1, 64)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    train, validation, test = order[:TRAIN], order[TRAIN : TRAIN + VALIDATION], order[TRAIN + VALIDATION :]

    torch.manual_seed(seed)
    base = nn.Sequential(nn.Linear(64, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10))
    optimizer = torch.optim.AdamW(base.parameters(), lr=BASE_RATE)
    for _ in range(BASE_EPOCHS):
        for batch in train[torch.randperm(TRAIN)].split(BATCH):
            optimizer.zero_grad()
            F.cross_entropy(base(upright[batch]), labels[batch]).backward()
            optimizer.step()

    def accuracy(model, inputs):
        return (model(inputs[test]).argmax(dim=1) == labels[test]).float().mean().item()

    values = {
        "accuracy_upright": accuracy(base, upright),
        "accuracy_before": accuracy(base, rotated),
        "images_test": len(test),
    }
    methods = {**{f"rank_{rank}": rank for rank in RANKS}, "full": None}
    for done, (name, rank) in enumerate(methods.items()):
        values[f"validation_{name}"], values[f"test_{name}"] = [], []
        for step, rate in enumerate(RATES):
            model, values[f"parameters_{name}"] = tune(base, rank, rotated[train], labels[train], rate, seed)
            values[f"validation_{name}"].append(F.cross_entropy(model(rotated[validation]), labels[validation]).item())
            values[f"test_{name}"].append(accuracy(model, rotated))
            report(done * len(RATES) + step + 1, len(methods) * len(RATES))
    return values


def combine(seeds):
    from lora_ref.grid import best_rate, over_seeds

    values = {"images_test": seeds[0]["images_test"]}
    for name in ("accuracy_upright", "accuracy_before"):
        values |= over_seeds(name, [one[name] for one in seeds])
    for name in [*(f"rank_{rank}" for rank in RANKS), "full"]:
        best = best_rate(RATES, [one[f"validation_{name}"] for one in seeds], name)
        values |= over_seeds(f"accuracy_{name}", [one[f"test_{name}"][best] for one in seeds])
        values |= {f"rate_{name}": RATES[best], f"parameters_{name}": seeds[0][f"parameters_{name}"]}
    for column in ("parameters", "rate"):
        values[f"{column}_by_rank"] = [values.pop(f"{column}_rank_{rank}") for rank in RANKS]
    for column in ("accuracy_by_rank", "accuracy_by_rank_sd"):
        values[column] = [values[column.replace("by_rank", f"rank_{rank}")] for rank in RANKS]
    return values | {"ranks": list(RANKS)}


def figures(values):
    from lora_ref.site import chart

    accuracy = [values[f"accuracy_rank_{rank}"] for rank in RANKS]
    spread = [values[f"accuracy_rank_{rank}_sd"] for rank in RANKS]
    pairs = ", ".join(f"{share:.0%} at rank {rank}" for rank, share in zip(RANKS, accuracy, strict=True))
    fig = chart.new(
        alt=f"Accuracy on rotated digits by rank: {pairs}. Full fine-tuning reaches {values['accuracy_full']:.0%}; "
        f"before tuning it was {values['accuracy_before']:.0%}.",
        height=(300, 300),
    )
    chart.line(fig, list(RANKS), accuracy, "LoRA", sd=spread, format=".0%", show=RANKS[:1])
    chart.reference(fig, values["accuracy_full"], "full fine-tuning", format=".0%")
    chart.reference(fig, values["accuracy_before"], "before tuning", format=".0%")
    chart.rank_axis(fig, list(RANKS))
    chart.y_axis(fig, "accuracy on rotated digits", format=".0%", low=0, high=1)
    return {"accuracy": fig}
