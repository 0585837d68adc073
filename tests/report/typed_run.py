"""What `gboard-sim keyboard` may have found on a run: figures made up to be read off."""

from gboard_sim.keyboard.proposals import FEATURES

STRIP = {
    "messages": 60, "words": 1500, "recall_at_3": 0.25, "impression_recall_at_3": 0.2,
    "click_through": 0.034, "savings": 0.45, "savings_expected": 0.15,
    "savings_vocabulary": 0.7, "savings_perfect": 0.8,
}  # fmt: skip
SOURCES = ("model", "remembered", "remembered_new")
CURVE = [
    {"confidence": c, "offered": o, "coverage": o / 1000, "precision": p, "precision_low": low}
    for c, o, p, low in ((0.1, 80, 0.3, 0.2), (0.5, 20, 0.6, 0.5), (0.9, 0, None, 0.0))
]  # fmt: skip
FOUND = {
    "weights": "int8",
    "strip": STRIP,
    "people": {
        "people": 3, "least_words": 50,
        "savings": {"p10": 0.1, "p50": 0.4, "p90": 0.6, "values": [0.1, 0.4, 0.6]},
        "recall_at_3": {"p10": 0.2, "p50": 0.25, "p90": 0.3, "values": [0.2, 0.25, 0.3]},
    },
    "phone_classes": {
        "low": STRIP | {"words": 321, "savings": 0.33},
        "high": STRIP | {"words": 0, "savings": None, "recall_at_3": None},
    },
    "compose": {
        "wanted_precision": 0.5, "savings_strip": 0.45, "law_coverage": None,
        "model": {"confidence": None, "test": None, "savings": None, "curve_test": CURVE[1:]},
        "remembered": {
            "confidence": 0.5, "test": CURVE[1], "savings": 0.461, "curve_test": CURVE,
        },
        "remembered_new": {
            "confidence": 0.1, "test": CURVE[0], "savings": 0.455, "curve_test": CURVE,
        },
    },
    "trigger": {
        "least_probability": 0.1, "phones": 30, "rounds": 100,
        "weights": {name: place / 4 - 1 for place, name in enumerate(FEATURES)},
        "proposed": 400, "shown": 100,
        "precision_without": 0.2, "precision_with": 0.4, "clicks_kept": 0.8,
        "precision_score_alone": 0.35,
        "curve": [{"retained": r, "precision": 0.5 - r / 4, "precision_score_alone": 0.2}
                  for r in (0.25, 0.5, 1.0)],
    },
}  # fmt: skip
