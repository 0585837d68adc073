"""Text: who typed what and when, as tokens that phones train on and versions are judged on."""
