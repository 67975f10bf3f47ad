"""How many numbers two thin matrices hold beside the one they stand for, counted on real tensors.

For three shapes of a small update, at each rank that the slider on the page offers: the numbers of B and A together.
"""

DEVICE = "cpu"
WIDTH, NARROW = 16, 8  # rows or columns
RANKS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
RANK = 4  # where the slider starts
GUESSES = (2, 4, 8, 12, 16)  # a reader's choice of the break-even
SEEDS = (0,)

MEANING = {
    "ranks_*": "ranks that the slider offers, * update",
    "numbers_*": "numbers of B and A together at each rank, * update",
    "numbers_whole_*": "numbers of the whole update, *",
}


def run(seed, report):
    import torch

    values = {}
    for name, d, k in (("square", WIDTH, WIDTH), ("tall", WIDTH, NARROW), ("wide", NARROW, WIDTH)):
        ranks = [rank for rank in RANKS if rank <= min(d, k)]
        pairs = [(torch.zeros(d, rank), torch.zeros(rank, k)) for rank in ranks]
        values[f"ranks_{name}"] = ranks
        values[f"numbers_{name}"] = [B.numel() + A.numel() for B, A in pairs]
        values[f"numbers_whole_{name}"] = (pairs[0][0] @ pairs[0][1]).numel()
    report(1, 1)
    return values
