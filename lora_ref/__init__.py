"""LoRA and its relatives in plain PyTorch: a lazy table of public names and nothing else."""

from importlib import import_module

# Public name -> the module that defines it. Nothing is imported before it is used, so
# `import lora_ref` needs no torch.
_NAMES = {
    "LoRALinear": "lora",
    "GPT": "model",
    "GPTConfig": "model",
    "TrainConfig": "train",
    "evaluate": "train",
    "train_model": "train",
}

__all__ = sorted(_NAMES)


def __getattr__(name: str):
    if name not in _NAMES:
        raise AttributeError(f"lora_ref has no name {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"lora_ref.{_NAMES[name]}"), name)
