"""What docs/playground.md states: bounds, files, cards; and what its program wrote, against the functions it asked."""

from lora_ref import count
from lora_ref.site.claims import claim


@claim("e1208a08")
def test_never_below_two_thirds(values):
    ranks = values("rank/loss_by_rank.ranks")
    for name in count.names():
        if count.model(name)["model_type"] in ("llama", "mistral", "qwen2"):
            frozen = count.matrix_parameters(name)
            for rank in ranks:
                adapter = count.lora_parameters(name, rank, "all-linear")
                assert count.flops_ratio(adapter, frozen) > 2 / 3
                assert count.flops_ratio(adapter, frozen, checkpointing=True) > 3 / 4
