"""What training Llama-2-7B keeps in memory, in GB of a billion bytes: a ledger, exact.

Closed forms of `lora_ref.memory`, nothing random: full fine-tuning in fp32, LoRA on all linear layers beside a
frozen bf16 base, and the same beside a base in four bits (NF4). Activations come on top.
"""

DEVICE = "cpu"
MODEL, RANK = "Llama-2-7B", 16
SEEDS = (0,)
READS = ("lora_ref/models.json",)

MEANING = {
    "*_frozen_gb": "frozen weights, *",
    "*_trained_gb": "trained weights, *",
    "*_gradients_gb": "gradients, *",
    "*_optimizer_gb": "optimizer states, *",
    "*_total_gb": "weights, gradients and optimizer states together, *",
}


def run(seed, report):
    from lora_ref import memory

    ledgers = {
        "full": memory.full_ledger(MODEL),
        "lora": memory.lora_ledger(MODEL, RANK),
        "qlora": memory.lora_ledger(MODEL, RANK, dtype="nf4"),
    }
    report(1, 1)
    return {
        f"{name}_{part}_gb": size / 1e9
        for name, ledger in ledgers.items()
        for part, size in ledger.items()
        if part != "copy"  # none of the three keeps a second copy of its weights
    }


def figures(values):
    from lora_ref.site import chart

    parts = {
        "frozen": chart.Part("frozen weights", "frozen"),
        "trained": chart.Part(("trained weights", "weights"), "trained"),
        "gradients": chart.Part(("gradients", "grad."), "trained", hatch=True),
        "optimizer": chart.Part(("Adam, two states", "Adam"), "opt"),
    }
    names = {"full": "Full, fp32", "lora": "LoRA, bf16 base", "qlora": "LoRA, NF4 base"}
    rows = {
        row: {chart.long(part.name): values[f"{name}_{key}_gb"] for key, part in parts.items()}
        for name, row in names.items()
    }
    totals = ", ".join(f"{row} {values[f'{name}_total_gb']:.1f} GB" for name, row in names.items())
    fig = chart.new(f"Stacked bars of what training {MODEL} keeps, without activations: {totals}.", height=(230, 280))
    chart.ledger(fig, rows, list(parts.values()), unit="GB")
    return {"ledger": fig}
