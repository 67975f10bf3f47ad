"""What full fine-tuning of Llama-2-7B keeps in four precisions, in GB of a billion bytes: a ledger, exact.

Closed forms of `lora_ref.memory`, nothing random. Also a round seven billion numbers, with one Adam state and with two.
"""

DEVICE = "cpu"
MODEL, ROUND = "Llama-2-7B", 7_000_000_000
SEEDS = (0,)
# dtypes of the weights, of an fp32 copy that the optimizer works on, of the gradients, of Adam's two states. "mixed" is
# the 16 bytes a number of ZeRO (Rajbhandari et al. 2020, 3.1). 8-bit Adam's scales, one a block, are left out.
PRECISIONS = {
    "fp32": ("fp32", None, "fp32", "fp32"),
    "mixed": ("bf16", "fp32", "bf16", "fp32"),
    "bf16": ("bf16", None, "bf16", "bf16"),
    "bf16_adam_int8": ("bf16", None, "bf16", "int8"),
}
READS = ("lora_ref/models.json",)

MEANING = {
    "*_weights_gb": "weights, *",
    "*_copy_gb": "fp32 copy of the weights, *",
    "*_gradients_gb": "gradients, *",
    "*_optimizer_gb": "optimizer states, *",
    "*_total_gb": "weights, copy, gradients and optimizer states together, *",
    "round_part_gb": "seven billion numbers in fp32",
    "round_one_state_gb": "weights, gradients and one Adam state of seven billion numbers in fp32",
    "round_two_states_gb": "weights, gradients and two Adam states of seven billion numbers in fp32",
}


# --8<-- [start:ledger]
def ledger(numbers, precision):
    """GB by purpose for so many trained numbers."""
    from lora_ref import memory

    weights, copy, gradients, states = PRECISIONS[precision]
    rows = {
        "weights": memory.size(numbers, weights),
        "copy": memory.size(numbers, copy) if copy else 0.0,
        "gradients": memory.size(numbers, gradients),
        "optimizer": memory.optimizer_size(numbers, "adamw", states),
    }
    return {purpose: size / 1e9 for purpose, size in (rows | {"total": sum(rows.values())}).items()}


# --8<-- [end:ledger]


def run(seed, report):
    from lora_ref import count

    values = {}
    for name in PRECISIONS:
        for purpose, size in ledger(count.total_parameters(MODEL), name).items():
            values[f"{name}_{purpose}_gb"] = size
    sevens = ledger(ROUND, "fp32")
    values["round_part_gb"] = sevens["weights"]
    values["round_one_state_gb"] = sevens["total"] - sevens["optimizer"] / 2
    values["round_two_states_gb"] = sevens["total"]
    report(1, 1)
    return values


def figures(values):
    from lora_ref.site import chart

    parts = {
        "weights": chart.Part("weights", "trained"),
        "copy": chart.Part(("fp32 copy", "copy"), "trained"),
        "gradients": chart.Part(("gradients", "grad."), "trained", hatch=True),
        "optimizer": chart.Part(("Adam, two states", "Adam"), "opt"),
    }
    names = {"fp32": "fp32", "mixed": "Mixed", "bf16": "bf16", "bf16_adam_int8": "bf16, 8-bit Adam"}
    rows = {
        row: {chart.long(part.name): values[f"{name}_{key}_gb"] for key, part in parts.items()}
        for name, row in names.items()
    }
    totals = ", ".join(f"{row} {values[f'{name}_total_gb']:.1f} GB" for name, row in names.items())
    fig = chart.new(f"Stacked bars of what full fine-tuning of {MODEL} keeps: {totals}.", height=(280, 330))
    chart.ledger(fig, rows, list(parts.values()), unit="GB")
    return {"ledger": fig}
