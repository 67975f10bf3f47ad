"""How many numbers LoRA trains in the small model, counted on the model itself.

Every adapter is really injected and every trainable number counted; nothing is random, so there is one seed.
"""

DEVICE = "cpu"
RANKS = (1, 2, 4, 8, 16, 32, 64)
SEEDS = (0,)
READS = ("docs/records/base/base.safetensors",)

MEANING = {
    "ranks": "ranks",
    "parameters": "numbers that LoRA trains at each rank",
    "parameters_rank_*": "numbers that LoRA trains at rank *, all linear layers",
    "parameters_base": "numbers in the base model",
    "parameters_matrices": "numbers in the weights that LoRA adapts",
    "matrices": "weights that LoRA adapts",
}


def run(seed, report):
    from functools import partial

    from lora_ref.inject import inject
    from lora_ref.lora import LoRALinear
    from lora_ref.model import load_model

    file = report.read("docs/records/base/base.safetensors")
    base = load_model(file)
    values = {"parameters_base": sum(parameter.numel() for parameter in base.parameters()), "ranks": list(RANKS)}
    for step, rank in enumerate(RANKS):
        model = load_model(file)
        adapted = inject(model, "all-linear", partial(LoRALinear, rank=rank)).matched
        trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        values[f"parameters_rank_{rank}"] = trained
        values["matrices"] = len(adapted)
        values["parameters_matrices"] = sum(base.get_submodule(name).weight.numel() for name in adapted)
        report(step + 1, len(RANKS))
    return values | {"parameters": [values[f"parameters_rank_{rank}"] for rank in RANKS]}
