"""A summary as a terminal shows it: one figure a line, without what the run does not have."""

from collections.abc import Iterator
from typing import Any

from gboard_sim.runlog import round_times


def headline(summary: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """A summary's figures as a terminal shows them; what the run does not have is left out."""

    def have(*keys: str) -> bool:
        return all(summary[key] is not None for key in keys)

    s = summary
    yield "versions, stopped by", f"{s['versions']}, {s['stop_reason']}"
    yield "simulated days", f"{s['simulated_days']:.2f}"
    yield "phones, of which took part", f"{s['phones']:,}, {s['phones_participated']:,}"
    if have("recall_at_3"):
        start = f"(version 0: {s['recall_at_3_version_0']:.3f})"
        yield "recall at 1, at 3", f"{s['recall_at_1']:.3f}, {s['recall_at_3']:.3f} {start}"
    elif have("recall_at_3_seen_users"):
        own = f"{s['recall_at_3_seen_users']:.3f} (each phone's own model, on its later text)"
        yield "recall at 3", own
    if have("ngram_recall_at_3"):
        baselines = f"{s['ngram_recall_at_3']:.3f}, {s['unigram_recall_at_3']:.3f}"
        yield "recall at 3 of n-gram, unigram", baselines
    if have("ceiling_share"):
        share = f"{s['ceiling_recall_at_3']:.3f}, {s['ceiling_share']:.1%}"
        yield "ceiling on this text, share of it", share
    if not have("trainer"):
        yield from _fleet_lines(s)
    if have("wire_share"):
        sent = f"{s['parameters_on_wire']:,.0f}, {s['wire_share']:.1%}"
        yield "numbers in an update, share of all", sent
    if have("residual_phones"):
        lost = f"{s['residuals_evicted']:,}, {s['residuals_discarded']:,}"
        yield "phones that used a residual; evicted, discarded", f"{s['residual_phones']:,}; {lost}"
    up, down = s["uplink_bytes_per_phone_mean"], s["downlink_bytes_per_phone_mean"]
    yield "MB up, down per phone", f"{up / 1e6:.2f}, {down / 1e6:.2f}"
    joules = [s[f"energy_j_per_phone_mean{end}"] for end in ("", "_low", "_high")]
    yield "joules per phone", "{:.1f} ({:.1f} to {:.1f})".format(*joules)
    if s["updates_held_back_share"]:
        yield "updates held back", f"{s['updates_held_back_share']:.1%}"
    if s["uploads_corrupt"]:
        yield "payloads that failed their checksum", f"{s['uploads_corrupt']:,}"
    yield "sessions, check-ins turned away", f"{s['sessions']:,}, {s['checkins_rejected']:,}"
    if have("privacy_unit"):
        epsilon = s["epsilon_policy"]
        claim = f"{epsilon:.4g}" if isinstance(epsilon, float) else "infinite"
        if epsilon is None:
            further = s["privacy_extrapolated"]
            claim = f"none; {further}" if further else "none: the log breaks its bounds"
        yield "epsilon, delta", f"{claim}, {s['privacy_delta']:g} ({s['privacy_unit']})"
    if have("secure_aggregation_bytes"):
        moved = s["secure_aggregation_bytes"]
        masked = f"{moved['uplink'] / 1e6:.2f}, {moved['downlink'] / 1e6:.2f}"
        lost = f"{moved['uplink_lost'] / 1e6:.2f}, {moved['downlink_lost'] / 1e6:.2f}"
        yield "MB up, down of all masked sums", f"{masked} (of phones that were lost: {lost})"
    machine = s["machine"]
    memory = f"{machine['peak_rss_bytes'] / 2**30:.2f} GiB"
    yield "wall seconds, peak memory", f"{machine['wall_s']:.0f}, {memory}"


def _fleet_lines(s: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a run of the fleet alone shows more."""
    buffered = s["protocol"] == "buffered"
    if buffered:
        yield "buffers closed", f"{s['rounds']:,}"
    else:
        yield "rounds closed, abandoned", f"{s['rounds']:,}, {s['rounds_abandoned']:,}"
    if s["round_s_p50"] is not None:
        times = [f"{s[f'round_s_p{q}']:,.1f}" for q in round_times.QUANTILES]
        yield f"seconds of a {'buffer' if buffered else 'round'}, p50, p90, p99", ", ".join(times)
    if s["participation_gini"] is not None:
        share = f"{s['participation_gini']:.3f}, {s['participation_top_30_share']:.1%}"
        yield "Gini, uploads of the top 30%", share
    most = sorted(s["session_shapes"].items(), key=lambda shape: (-shape[1], shape[0]))[:4]
    if most:
        shares = (f"{shape} {count / s['sessions']:.1%}" for shape, count in most)
        yield "most frequent session shapes", ", ".join(shares)
