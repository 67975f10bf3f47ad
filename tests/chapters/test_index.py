"""What docs/index.md draws, against what it says."""

from lora_ref.count import model
from lora_ref.site.claims import claim
from lora_ref.site.program import programs
from lora_ref.site.project import find_project


@claim("51c9597c")
def test_drawn_to_scale(drawing):
    """The lines are as thick beside the square as the rank is beside the width."""
    square, left, upper = drawing("index", "drawn-to-scale").findall("{*}rect") or drawing(
        "index", "drawn-to-scale"
    ).findall("rect")
    rank = programs(find_project())["memory/seven_billion"].constants["RANK"]
    scale = int(square.get("width")) / model("Llama-2-7B")["hidden_size"]
    assert square.get("width") == square.get("height") == left.get("height") == upper.get("width")
    assert float(left.get("width")) == float(upper.get("height")) == rank * scale
