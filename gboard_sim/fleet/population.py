"""The fleet's phones as columns: what each of them is, drawn once and keyed by the phone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gboard_sim import seeds
from gboard_sim.fleet.mix import Mix
from gboard_sim.seam.records import Flags, Floats, Ints
from gboard_sim.units import HOUR_S, mbit_per_s


@dataclass(frozen=True, slots=True)
class Population:
    """One row per phone, one column per attribute, each of shape [phones].

    Attributes:
        mix: Where the phones were drawn from.
        phone_class: Index into `mix.classes`.
        network: Index into `mix.networks`.
        profile: Index into `mix.profiles`.
        utc_offset_s: Seconds east of UTC; the experiment begins at 00:00 UTC.
        flop_per_s: Training speed in floating-point operations per second.
        down_bytes_per_s: Download rate, the mean over its hours.
        up_bytes_per_s: Upload rate, the mean over its hours.
        down_hourly_sigma: Standard deviation of the logarithm of the download rate over hours.
        up_hourly_sigma: The same of the upload rate.
        round_trip_s: Time before the first byte of an attempt at a transfer.
        loss_share: Share of the packets that are lost and sent again.
        failure_share: Probability that one attempt at a transfer breaks.
        retries: How often a broken transfer is tried again.
        retry_wait_s: Wait before each of those.
        resumes: Whether a transfer that broke goes on where it broke.
        crash_share: Probability that a stint of training crashes.
        power_w: Low, central and high power of download, training and upload. Shape [3, 3, phones],
            the first axis the phase, the second low, central, high.
    """

    mix: Mix
    phone_class: Ints
    network: Ints
    profile: Ints
    utc_offset_s: Floats
    flop_per_s: Floats
    down_bytes_per_s: Floats
    up_bytes_per_s: Floats
    down_hourly_sigma: Floats
    up_hourly_sigma: Floats
    round_trip_s: Floats
    loss_share: Floats
    failure_share: Floats
    retries: Ints
    retry_wait_s: Floats
    resumes: Flags
    crash_share: Floats
    power_w: Floats

    @property
    def phones(self) -> int:
        """Number of phones."""
        return len(self.phone_class)


def populate(mix: Mix, phones: int, seed: int) -> Population:
    """Draws a fleet of `phones` phones; phone p is the same in a fleet of any size."""
    phone = np.arange(phones)
    phone_class = _choose(seed, "class", phone, mix.class_shares)
    network = _choose(seed, "network", phone, mix.network_shares)
    profile = _choose(seed, "profile", phone, mix.profile_shares)
    zone = _choose(seed, "zone", phone, mix.zone_shares)
    classes, networks = mix.classes, mix.networks

    median = np.array([c.flop_per_s_median * c.runtime_factor for c in classes])[phone_class]
    spread = np.array([c.flop_per_s_sigma for c in classes])[phone_class]
    common = seeds.normals(seed, "link", phone)
    own = seeds.normals(seed, "link/up", phone)
    tied = np.array([n.correlation for n in networks])[network]
    return Population(
        mix=mix,
        phone_class=phone_class,
        network=network,
        profile=profile,
        utc_offset_s=np.array(mix.utc_offsets_h)[zone] * HOUR_S,
        flop_per_s=median * np.exp(spread * seeds.normals(seed, "speed", phone)),
        down_bytes_per_s=_rates(mix, network, [n.down_mbit_per_s_median for n in networks], common),
        up_bytes_per_s=_rates(
            mix,
            network,
            [n.up_mbit_per_s_median for n in networks],
            tied * common + np.sqrt(1.0 - tied**2) * own,
        ),
        down_hourly_sigma=np.array([n.down_hourly_sigma for n in networks])[network],
        up_hourly_sigma=np.array([n.up_hourly_sigma for n in networks])[network],
        round_trip_s=np.array([n.round_trip_s for n in networks])[network],
        loss_share=np.array([n.loss_share for n in networks])[network],
        failure_share=np.array([n.failure_share for n in networks])[network],
        retries=np.array([n.retries for n in networks])[network],
        retry_wait_s=np.array([n.retry_wait_s for n in networks])[network],
        resumes=np.array([n.transfer == "resume" for n in networks])[network],
        crash_share=np.array([c.crash_share for c in classes])[phone_class],
        power_w=np.array(
            [
                [[band.low, band.value, band.high] for band in bands]
                for bands in (
                    [c.download_power_w for c in classes],
                    [c.training_power_w for c in classes],
                    [c.upload_power_w for c in classes],
                )
            ]
        ).transpose(0, 2, 1)[:, :, phone_class],
    )


def _rates(mix: Mix, network: Ints, medians: Sequence[float], normal: Floats) -> Floats:
    """Lognormal rates in bytes per second, clamped to each network's floor and ceiling."""
    sigma = np.array([n.sigma for n in mix.networks])[network]
    rate = np.array(medians)[network] * np.exp(sigma * normal)
    floor = np.array([n.floor_mbit_per_s for n in mix.networks])[network]
    ceiling = np.array([n.ceiling_mbit_per_s for n in mix.networks])[network]
    clamped: Floats = np.clip(rate, floor, ceiling) * mbit_per_s(1.0)
    return clamped


def _choose(seed: int, purpose: str, phone: Ints, shares: Sequence[float]) -> Ints:
    """An index for each phone, with the given shares as probabilities."""
    edges = np.cumsum(shares)[:-1]
    return np.searchsorted(edges, seeds.uniforms(seed, purpose, phone), side="right")
