"""How many numbers each method trains in two published models, exact.

Closed forms of `lora_ref.count`, nothing random; the settings are the constants below.
"""

DEVICE = "cpu"
MODEL, OLDER = "Llama-2-7B", "RoBERTa-base"  # the older one holds biases
SEEDS = (0,)
RANK, LESS_RANK, MORE_RANK = 16, 8, 64
LESS_TARGETS = {"Llama-2-7B": ("q_proj", "v_proj"), "RoBERTa-base": ("query", "value")}
SIZE = 64  # of a bottleneck
TOKENS = 20
READS = ("lora_ref/models.json",)

MEANING = {
    "*_full": "numbers trained in full fine-tuning, *",
    "*_dora": "numbers that DoRA trains on every linear layer, *",
    "*_lora": "numbers that LoRA trains on every linear layer, *",
    "*_lora_less": "numbers that LoRA trains on queries and values, *",
    "*_lora_more": "numbers that LoRA trains on every linear layer at a high rank, *",
    "gpt2_*": "numbers that LoRA trains in GPT-2 small on *",
    "*_houlsby": "numbers in two bottleneck adapters a block, *",
    "*_pfeiffer": "numbers in one bottleneck adapter a block, *",
    "*_prefix": "numbers in a prefix of keys and values, *",
    "*_prompt": "numbers in a prompt of trained embeddings, *",
    "*_ia3": "numbers that IA3 trains with PEFT's defaults, *",
    "*_biases": "biases that the base holds, what BitFit trains, *",
}


# --8<-- [start:counts]
def counts(model):
    """Numbers trained by each method."""
    from lora_ref.count import (
        adapter_parameters,
        bias_parameters,
        dora_parameters,
        ia3_parameters,
        lora_parameters,
        prefix_parameters,
        prompt_parameters,
        total_parameters,
    )

    return {
        "full": total_parameters(model),
        "dora": dora_parameters(model, RANK, "all-linear"),
        "lora": lora_parameters(model, RANK, "all-linear"),
        "houlsby": adapter_parameters(model, SIZE, "houlsby"),
        "pfeiffer": adapter_parameters(model, SIZE, "pfeiffer"),
        "prefix": prefix_parameters(model, TOKENS),
        "lora_less": lora_parameters(model, LESS_RANK, LESS_TARGETS[model]),
        "ia3": ia3_parameters(model),
        "prompt": prompt_parameters(model, TOKENS),
        "biases": bias_parameters(model),
    }


# --8<-- [end:counts]


def run(seed, report):
    from lora_ref.count import lora_parameters

    values = {}
    for name, model in (("llama", MODEL), ("roberta", OLDER)):
        values |= {f"{name}_{method}": trained for method, trained in counts(model).items()}
    values["llama_lora_more"] = lora_parameters(MODEL, MORE_RANK, "all-linear")
    for name, targets in (("fused", "c_attn"), ("two", ("q", "v")), ("three", ("q", "k", "v"))):
        values[f"gpt2_{name}"] = lora_parameters("GPT-2 small", LESS_RANK, targets)
    report(1, 1)
    return values


def figures(values):
    from lora_ref.site import chart

    names = {
        "full": "Full fine-tuning",
        "dora": f"DoRA, r = {RANK}, all linear layers",
        "lora": f"LoRA, r = {RANK}, all linear layers",
        "houlsby": f"Adapters, two a block, size {SIZE}",
        "pfeiffer": f"Adapters, one a block, size {SIZE}",
        "prefix": f"Prefix, {TOKENS} tokens",
        "lora_less": f"LoRA, r = {LESS_RANK}, queries and values",
        "ia3": "IA3, as in PEFT",
        "prompt": f"Prompt, {TOKENS} tokens",
        "biases": "BitFit",
    }
    ticks = {
        10**4: "10,000",
        10**5: "",
        10**6: ("1 million", ""),
        10**7: "",
        10**8: "100 million",
        10**9: "",
        10**10: "",
    }
    drawn = {}
    for name, model in (("llama", MODEL), ("roberta", OLDER)):
        rows = {row: int(values[f"{name}_{method}"]) or None for method, row in names.items()}
        rows = dict(sorted(rows.items(), key=lambda item: -(item[1] or 0)))
        shares = {row: f"{100 * (rows[row] or 0) / values[f'{name}_full']:#.2g}%" for row in rows}
        notes = {row: "not applicable: it holds no biases" if rows[row] is None else shares[row] for row in rows}
        notes["Full fine-tuning"] = ""
        said = "; ".join(
            f"{row.split(',')[0]} {value:,d}" if value else f"{row} not applicable" for row, value in rows.items()
        )
        fig = chart.new(f"Bars on a log axis: numbers that each method trains in {model}. {said}.")
        chart.bars(fig, rows, ticks=ticks, heading="numbers trained", notes=notes)
        drawn[name] = fig
    return drawn
