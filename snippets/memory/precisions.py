"""Full fine-tuning of Llama-2-7B in four precisions: its ledger and its predicted peaks, in GB of a billion bytes.

Closed forms of `lora_ref.memory`, nothing random. A peak is predicted for one sequence and for four, each of 1024
tokens. Also a round seven billion numbers, with one Adam state and with two.
"""

DEVICE = "cpu"
MODEL, SEQUENCE, BATCHES = "Llama-2-7B", 1024, {"one": 1, "four": 4}
ROUND = 7_000_000_000
SEEDS = (0,)
READS = ("lora_ref/models.json",)

MEANING = {
    "ledger_*_gb": "kept from step to step: *",
    "one_*_gb": "held at the predicted peak with one sequence: *",
    "four_*_gb": "held at the predicted peak with four sequences: *",
    "saved_*_gb": "activations that the forward pass of one sequence saves, *",
    "round_part_gb": "seven billion numbers in fp32",
    "round_one_state_gb": "weights, gradients and one Adam state of seven billion numbers in fp32",
    "round_two_states_gb": "weights, gradients and two Adam states of seven billion numbers in fp32",
}


# --8<-- [start:precisions]
def rows(scheme):
    """Bytes by purpose: the ledger, and what is held at the peak with one sequence and with four."""
    from lora_ref import memory

    how = memory.FULL_SCHEMES[scheme]  # for "mixed": {"dtype": "bf16", "optimizer": "adamw_copy"}
    found = {"ledger": memory.full_ledger(MODEL, **how)}
    for name, batch in BATCHES.items():
        found[name] = memory.full_at_peak(MODEL, batch, SEQUENCE, **how)
    return found


# --8<-- [end:precisions]


def run(seed, report):
    from lora_ref import memory

    values = {}
    for scheme, how in memory.FULL_SCHEMES.items():
        for row, sizes in rows(scheme).items():
            held = {part: sizes.get(part, 0) for part in ("copy", "optimizer", "gradients", "activations")}
            held["weights"] = sizes["trained"]
            held["total"] = sum(held.values())
            values |= {f"{row}_{part}_{scheme}": size for part, size in held.items()}
        values[f"saved_{scheme}"] = memory.full_activations(MODEL, 1, SEQUENCE, how["dtype"])
    sevens = memory.ledger(ROUND)
    values["round_part"] = sevens["trained"]
    values["round_one_state"] = sevens["total"] - sevens["optimizer"] / 2
    values["round_two_states"] = sevens["total"]
    report(1, 1)
    return {f"{name}_gb": size / 1e9 for name, size in values.items()}


def figures(values):
    from lora_ref.site import chart

    parts = {
        "weights": chart.Part(("weights", "weight"), "trained"),
        "copy": chart.Part(("fp32 copy", "copy"), "trained"),
        "optimizer": chart.Part(("Adam, two states", "Adam"), "opt"),
        "gradients": chart.Part(("gradients", "grad."), "trained", hatch=True),
        "activations": chart.Part(("activations", "act."), "act"),
    }
    names = {"fp32": "fp32", "mixed": "mixed precision", "bf16": "bf16", "bf16_8bit": "bf16 with eight-bit Adam"}
    bars = {"ledger": "Ledger", "one": "Peak, one text", "four": "Peak, four texts"}
    drawn = {}
    for scheme, name in names.items():
        stacks = {
            bar: {chart.long(part.name): values[f"{row}_{key}_{scheme}_gb"] for key, part in parts.items()}
            for row, bar in bars.items()
        }
        totals = ", ".join(f"{bar} {sum(stack.values()):.1f} GB" for bar, stack in stacks.items())
        drawn[scheme] = chart.new(f"Stacked bars of full fine-tuning of {MODEL} in {name}: {totals}.")
        high = max(values[f"four_total_{each}_gb"] for each in names)
        chart.ledger(drawn[scheme], stacks, list(parts.values()), unit="GB", high=high)
    return drawn
