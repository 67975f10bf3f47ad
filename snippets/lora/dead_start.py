"""Why only one factor starts at zero: a network that reads upright digits learns rotated ones from three starts.

Measures, for B zero, A zero and both zero: the norm of each factor's gradient at the first step, then after each pass
over the training images the accuracy on test images, as a share, and in the end how far any number moved.
"""

DEVICE = "cpu"
STARTS = ("b_zero", "a_zero", "both_zero")
HIDDEN, RANK, ALPHA = 128, 4, 16
TRAIN = 1000  # images; the others are the test
BASE_EPOCHS, BASE_RATE = 30, 3e-3
EPOCHS, BATCH, RATE = 10, 64, 8e-3  # of AdamW, the same for each start
SEEDS = (0, 1, 2, 3, 4)

MEANING = {
    "epochs": "passes over the training images",
    "accuracies_*": "accuracy on rotated test digits after each pass, *",
    "gradient_a_*": "norm of the gradient of A at the first step, all layers together, *",
    "gradient_b_*": "norm of the gradient of B at the first step, all layers together, *",
    "accuracy_*": "accuracy on rotated test digits after tuning, *",
    "accuracy_before": "accuracy on rotated test digits before tuning",
    "moved_*": "largest change of any number of A or B in all of tuning, *",
}
TOLERANCE = {"accurac*": 0.02, "moved_*": 0.2, "gradient_*": 0.05}


# --8<-- [start:start]
def begin(layer, start):
    """B is zero when LoRALinear is made, and A random; turn that around, or clear both."""
    if start == "a_zero":
        layer.lora_B.data.normal_(std=layer.lora_B.shape[1] ** -0.5)
    if start != "b_zero":
        layer.lora_A.data.zero_()


# --8<-- [end:start]


def run(seed, report):
    import torch
    from sklearn.datasets import load_digits
    from torch import nn
    from torch.nn import functional as F

    images, labels = (torch.tensor(array) for array in load_digits(return_X_y=True))
    upright = images.float() / 16  # (1797, 64)
    rotated = upright.view(-1, 8, 8).rot90(dims=(1, 2)).reshape(-1, 64)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    train, test = order[:TRAIN], order[TRAIN:]

    torch.manual_seed(seed)
    base = nn.Sequential(nn.Linear(64, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10))
    optimizer = torch.optim.AdamW(base.parameters(), lr=BASE_RATE)
    for _ in range(BASE_EPOCHS):
        for batch in train[torch.randperm(TRAIN)].split(BATCH):
            optimizer.zero_grad()
            F.cross_entropy(base(upright[batch]), labels[batch]).backward()
            optimizer.step()

    values = {"accuracy_before": accuracy(base, rotated[test], labels[test])}
    for done, start in enumerate(STARTS):
        torch.manual_seed(seed)
        found = tune(base, start, rotated[train], labels[train], rotated[test], labels[test])
        values |= {f"{name}_{start}": value for name, value in found.items()}
        report(done + 1, len(STARTS))
    return values


def accuracy(model, inputs, labels):
    return (model(inputs).argmax(dim=1) == labels).float().mean().item()


def tune(base, start, images, labels, test_images, test_labels):
    """A copy of the base, tuned from one start: its first gradients, its accuracies, and how far a number moved."""
    import copy
    from functools import partial

    import torch
    from torch.nn import functional as F

    from lora_ref.inject import inject
    from lora_ref.lora import LoRALinear

    model = copy.deepcopy(base)
    layers = [
        model.get_submodule(name)
        for name in inject(model, "all-linear", partial(LoRALinear, rank=RANK, alpha=ALPHA)).matched
    ]
    for layer in layers:
        begin(layer, start)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    first = [parameter.detach().clone() for parameter in trained]

    F.cross_entropy(model(images[:BATCH]), labels[:BATCH]).backward()
    found = {
        "gradient_a": sum(layer.lora_A.grad.square().sum().item() for layer in layers) ** 0.5,
        "gradient_b": sum(layer.lora_B.grad.square().sum().item() for layer in layers) ** 0.5,
        "accuracies": [accuracy(model, test_images, test_labels)],
    }
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.0)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            F.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
        found["accuracies"].append(accuracy(model, test_images, test_labels))
    moved = max((now - then).abs().max().item() for now, then in zip(trained, first, strict=True))
    return found | {"moved": moved}


def combine(seeds):
    from statistics import fmean, stdev

    from lora_ref.grid import over_seeds

    values = {"epochs": list(range(EPOCHS + 1))}
    values |= over_seeds("accuracy_before", [one["accuracy_before"] for one in seeds])
    for start in STARTS:
        for name in ("gradient_a", "gradient_b", "moved"):
            values |= over_seeds(f"{name}_{start}", [one[f"{name}_{start}"] for one in seeds])
        values |= over_seeds(f"accuracy_{start}", [one[f"accuracies_{start}"][-1] for one in seeds])
        columns = list(zip(*(one[f"accuracies_{start}"] for one in seeds), strict=True))
        values[f"accuracies_{start}"] = [fmean(column) for column in columns]
        values[f"accuracies_{start}_sd"] = [stdev(column) for column in columns]
    return values


def figures(values):
    return {start: drawn(values, start) for start in STARTS}


def drawn(values, start):
    """One start: accuracy by pass, and where it began; the same axes for all, so that switching compares."""
    from lora_ref.site import chart

    names = {"b_zero": "B starts at zero", "a_zero": "A starts at zero", "both_zero": "both start at zero"}
    shares, spread = values[f"accuracies_{start}"], values[f"accuracies_{start}_sd"]
    fig = chart.new(
        f"Accuracy on rotated digits while the network is tuned and {names[start]}: "
        f"{values['accuracy_before']:.0%} before, {values[f'accuracy_{start}']:.0%} after {EPOCHS} passes.",
        height=(280, 280),
    )
    chart.line(fig, values["epochs"], shares, sd=spread, format=".0%", show=[values["epochs"][-1]])
    if start != "both_zero":
        chart.reference(fig, values["accuracy_before"], "before tuning", format=".0%")
    chart.x_axis(fig, ("passes over the images", "passes"), format=".0f", low=0)
    chart.y_axis(fig, "accuracy on rotated digits", format=".0%", low=0, high=1)
    return fig
