"""What activation checkpointing does to the predicted peak of training Llama-2-7B, in GB of a billion bytes.

Closed forms of `lora_ref.memory`, nothing random, for one sequence of 1024 tokens: full fine-tuning in fp32, LoRA on
all linear layers beside a frozen bf16 base, and the same beside a base in four bits (NF4), each without and with.
"""

DEVICE = "cpu"
MODEL, BATCH, SEQUENCE, RANK = "Llama-2-7B", 1, 1024, 16
SEEDS = (0,)
READS = ("lora_ref/models.json",)
DRAWN = {"lora": "LoRA, bf16 base", "qlora": "LoRA, NF4 base"}  # full fine-tuning's two are alike

MEANING = {
    "saved_*_gb": "activations that the forward pass saves, *",
    "peak_*_gb": "predicted peak, *",
    "*_gb": "held at the predicted peak: *",
}


def run(seed, report):
    from lora_ref import memory

    mixed, nf4 = memory.LORA_SCHEMES["mixed"], memory.LORA_SCHEMES["nf4"]
    values = {}
    for again, suffix in ((False, ""), (True, "_again")):
        shape = {"batch": BATCH, "sequence": SEQUENCE, "checkpointing": again}
        held = {
            "full": memory.full_at_peak(MODEL, **shape),
            "lora": memory.lora_at_peak(MODEL, rank=RANK, **mixed, **shape),
            "qlora": memory.lora_at_peak(MODEL, rank=RANK, **nf4, **shape),
        }
        values[f"peak_full{suffix}"] = sum(held.pop("full").values())
        for name, sizes in held.items():
            peak = {part: sizes[part] for part in ("frozen", "trained", "optimizer", "gradients")}
            peak["activations"] = sizes["activations"] + sizes["temporaries"]  # with them, a weight made anew from NF4
            values |= {f"{part}_{name}{suffix}": size for part, size in peak.items()}
            values[f"peak_{name}{suffix}"] = sum(peak.values())
        values[f"saved_full{suffix}"] = memory.full_activations(MODEL, **shape)
        values[f"saved_lora{suffix}"] = memory.lora_activations(MODEL, rank=RANK, **shape)
    report(1, 1)
    return {f"{name}_gb": size / 1e9 for name, size in values.items()}


def figures(values):
    from lora_ref.site import chart

    parts = {
        "frozen": chart.Part("frozen weights", "frozen"),
        "trained": chart.Part(("trained weights", "trained"), "trained"),
        "optimizer": chart.Part(("Adam, two states", "Adam"), "opt"),
        "gradients": chart.Part(("gradients", "grad."), "trained", hatch=True),
        "activations": chart.Part(("activations", "act."), "act"),
    }
    rows = {}
    for name, row in DRAWN.items():
        for suffix, ending in (("", ""), ("_again", ", checkpointed")):
            rows[row + ending] = {
                chart.long(part.name): values[f"{key}_{name}{suffix}_gb"] for key, part in parts.items()
            }
    totals = ", ".join(f"{row} {sum(stack.values()):.1f} GB" for row, stack in rows.items())
    fig = chart.new(f"Stacked bars of what is held at the predicted peak of training {MODEL}: {totals}.")
    chart.ledger(fig, rows, list(parts.values()), unit="GB")
    return {"peak": fig}
