"""A class of phones: how fast it trains, what power it draws, how often training crashes."""

from dataclasses import dataclass

from gboard_sim.fleet.entry import Band, Entry, Read

KIND = "devices/phones"


@dataclass(frozen=True, slots=True)
class PhoneClass:
    """What phones of one class have in common.

    Attributes:
        name: Its name in `devices/phones/`.
        title: One line for the reader.
        flop_per_s_median: Median over phones and layer shapes of the training speed as measured,
            in floating-point operations per second.
        flop_per_s_sigma: Standard deviation of the logarithm of the speed between phones.
        runtime_factor: Speed of the runtime that runs here over the one that was measured.
        crash_share: Probability that a stint of training ends in a crash.
        training_power_w: Power drawn by training, above idle.
        download_power_w: Power drawn by receiving over Wi-Fi, above idle.
        upload_power_w: Power drawn by sending over Wi-Fi, above idle.
    """

    name: str
    title: str
    flop_per_s_median: float
    flop_per_s_sigma: float
    runtime_factor: float
    crash_share: float
    training_power_w: Band
    download_power_w: Band
    upload_power_w: Band


def load(name: str, read: Read) -> PhoneClass:
    """The phone class of that name. Raises CatalogueError on a malformed entry."""
    entry = Entry(KIND, name, read)
    phone_class = PhoneClass(
        name=name,
        title=entry.text("title"),
        flop_per_s_median=entry.positive("flop_per_s_median"),
        flop_per_s_sigma=entry.number("flop_per_s_sigma"),
        runtime_factor=entry.positive("runtime_factor"),
        crash_share=entry.share("crash_share"),
        training_power_w=entry.band("training_power_w"),
        download_power_w=entry.band("download_power_w"),
        upload_power_w=entry.band("upload_power_w"),
    )
    entry.finish()
    return phone_class
