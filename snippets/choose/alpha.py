"""What a larger alpha is under Adam: one layer trained in several ways, and how far apart their updates come to lie.

Compares runs with the run whose alpha is larger: the distance is the norm of the difference of the two updates over
the norm of that run's own update. All runs start at the same numbers and see the same examples, in fp64.
"""

DEVICE = "cpu"
WIDTH, TRUE_RANK = 64, 16  # of the layer, both ways; directions in the change that it is to learn
RANK, ALPHA, FACTOR = 4, 16, 2  # the runs are compared with one whose alpha is FACTOR times as large
RATE, EPS, TINY = 2e-3, 1e-8, 1e-30  # of Adam: learning rate, PyTorch's eps, and an eps that is as good as none
STEPS, BATCH = 100, 32
MARKS = (1, 2, 5, 10, 20, 50, 100)  # steps after which the updates are compared
SEEDS = (0, 1, 2, 3, 4)

MEANING = {
    "steps": "steps after which the updates are compared",
    "distances_*": "distance from the update of the run with the larger alpha, by step, mean over the seeds, *",
    "distance_*": "distance from the update of the run with the larger alpha, after training, *",
}
TOLERANCE = {"distance*_both_rates*": 0.02, "distance*": 1e-4}


# --8<-- [start:train]
def train(seed, alpha=1.0, start=1.0, rate_a=1.0, rate_b=1.0, eps=EPS):
    """The updates (alpha / rank) B A after each of MARKS; every argument but eps multiplies the usual value."""
    import torch
    from torch import nn

    from lora_ref.lora import LoRALinear

    torch.manual_seed(seed)
    old = nn.Linear(WIDTH, WIDTH).double()
    change = torch.randn(WIDTH, TRUE_RANK).double() @ torch.randn(TRUE_RANK, WIDTH).double() / WIDTH
    new = LoRALinear(old, rank=RANK, alpha=ALPHA * alpha)
    new.lora_A.data *= start
    optimizer = torch.optim.Adam(
        [{"params": [new.lora_A], "lr": RATE * rate_a}, {"params": [new.lora_B], "lr": RATE * rate_b}], eps=eps
    )
    updates = []
    for step in range(1, STEPS + 1):
        x = torch.randn(BATCH, WIDTH).double()  # (batch, in)
        loss = (new(x) - old(x) - x @ change.T).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step in MARKS:
            updates.append(new.delta_weight().detach())
    return updates


# --8<-- [end:train]


def run(seed, report):
    k, values = FACTOR, {}
    exact, usual = train(seed, alpha=k, eps=TINY), train(seed, alpha=k)
    runs = {
        "b_rate_without_eps": (exact, train(seed, rate_b=k, eps=TINY)),
        "start_and_rates_without_eps": (exact, train(seed, start=k**0.5, rate_a=k**0.5, rate_b=k**0.5, eps=TINY)),
        "b_rate": (usual, train(seed, rate_b=k)),
        "both_rates": (usual, train(seed, rate_a=k, rate_b=k)),
    }
    for name, (wanted, got) in runs.items():
        distances = [((b - a).norm() / a.norm()).item() for a, b in zip(wanted, got, strict=True)]
        values[f"distances_{name}"] = distances
    report(1, 1)
    return values


def combine(seeds):
    from statistics import fmean

    from lora_ref.grid import over_seeds

    values = {"steps": list(MARKS)}
    for name in ("b_rate_without_eps", "start_and_rates_without_eps", "b_rate", "both_rates"):
        values |= over_seeds(f"distance_{name}", [one[f"distances_{name}"][-1] for one in seeds])
    for name in ("b_rate", "both_rates"):  # what the figure shows
        columns = zip(*(one[f"distances_{name}"] for one in seeds), strict=True)
        values[f"distances_{name}"] = [fmean(column) for column in columns]
    return values


def figures(values):
    from lora_ref.site import chart

    names = {"both_rates": ("both rates doubled", "both rates"), "b_rate": ("B's rate doubled", "B's rate")}
    told = [f"with {long} it is {values[f'distance_{name}']:.1%}" for name, (long, _) in names.items()]
    fig = chart.new(
        f"Distance from the update of a run with alpha doubled, over {STEPS} steps: {', '.join(told)} at the end.",
        height=(280, 290),
    )
    for (name, label), dash, mark in zip(names.items(), ("dash", "solid"), chart.MARKERS, strict=False):
        show = (50, 100) if name == "both_rates" else (100,)
        style = {"dash": dash, "marker": mark, "format": ".1%", "value": False, "at": 20, "show": show}
        chart.line(fig, values["steps"], values[f"distances_{name}"], label, **style)
    chart.x_axis(fig, ("steps of Adam", "steps"), ticks=list(MARKS), format="d", log=True)
    chart.y_axis(fig, "distance from alpha doubled", format=".0%", low=0)
    return {"distance": fig}
