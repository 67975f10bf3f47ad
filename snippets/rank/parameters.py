"""How many numbers LoRA trains in the small model, counted on the model itself.

Every adapter is really injected and every trainable number counted; nothing is random, so there is one seed.
"""

DEVICE = "cpu"
RANKS = (1, 2, 4, 8, 16, 32, 64)
SEEDS = (0,)
READS = ("docs/records/base/base.safetensors",)

MEANING = {
    "parameters": "numbers that LoRA trains on all linear layers, by rank",
    "parameters_matrices": "numbers in the weights that LoRA adapts",
    "matrices": "weights that LoRA adapts",
}


def run(seed, report):
    from functools import partial

    from lora_ref.inject import inject
    from lora_ref.lora import LoRALinear
    from lora_ref.model import load_model

    base = load_model(report.read("docs/records/base/base.safetensors"))
    counts = []
    for step, rank in enumerate(RANKS):
        model = load_model(report.read("docs/records/base/base.safetensors"))
        adapted = inject(model, "all-linear", partial(LoRALinear, rank=rank)).matched
        counts.append(sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad))
        report(step + 1, len(RANKS))
    matrices = sum(base.get_submodule(name).weight.numel() for name in adapted)
    return {"parameters": counts, "matrices": len(adapted), "parameters_matrices": matrices}
