"""An availability profile: the habits from which a phone's eligible windows follow."""

from dataclasses import dataclass

from gboard_sim.fleet.entry import Entry, Read

KIND = "devices/availability"


@dataclass(frozen=True, slots=True)
class Availability:
    """When phones of one profile sleep, charge, lie idle and are on unmetered Wi-Fi.

    Hours of the clock are local; spreads `between` are over users, `within` over one user's days.

    Attributes:
        name: Its name in `devices/availability/`.
        title: One line for the reader.
        bedtime_h: Mean hour at which the user goes to bed, 15 to 39 (24 is midnight).
        bedtime_between_sd_h: Spread between users.
        bedtime_within_sd_h: Spread between one user's nights.
        sleep_h: Mean length of the night.
        sleep_between_sd_h: Spread between users.
        sleep_within_sd_h: Spread between one user's nights.
        night_charge_share: Mean over users of the probability to charge through a night.
        night_charge_between_sd: Spread of that probability between users.
        night_wake_share: Probability that the phone is picked up once in a night.
        night_wake_h: How long it is then used.
        top_ups_per_day: Mean number of charges by day.
        top_ups_sigma: Sigma of the lognormal spread of that number between users.
        top_up_median_h: Median length of such a charge.
        top_up_sigma: Sigma of its lognormal length.
        use_spell_median_h: Median length of the spells, eight a day, in which it is used.
        use_spell_sigma: Sigma of their lognormal length.
        home_wifi_share: Users with unmetered Wi-Fi at home.
        work_wifi_share: Users with unmetered Wi-Fi where they spend the day.
        away_day_share: Days on which the user is away from home.
        leave_h: Mean hour of leaving on such a day.
        return_h: Mean hour of coming home, from 15 on.
        away_within_sd_h: Spread of both between days.
        weekend_away_share: Saturdays and Sundays on which the user is away from home.
        weekend_leave_h: Mean hour of leaving on such a day.
        weekend_bedtime_shift_h: By how much bedtime is later before a Saturday or Sunday.
        weekend_waking_shift_h: By how much waking is later on these days.
        never_share: Users whose phones never take part, whatever their habits: they never charge
            idle on Wi-Fi. Users without unmetered Wi-Fi anywhere come on top.
        settle_s: Seconds for which all signals must hold before a phone counts as eligible.
    """

    name: str
    title: str
    bedtime_h: float
    bedtime_between_sd_h: float
    bedtime_within_sd_h: float
    sleep_h: float
    sleep_between_sd_h: float
    sleep_within_sd_h: float
    night_charge_share: float
    night_charge_between_sd: float
    night_wake_share: float
    night_wake_h: float
    top_ups_per_day: float
    top_ups_sigma: float
    top_up_median_h: float
    top_up_sigma: float
    use_spell_median_h: float
    use_spell_sigma: float
    home_wifi_share: float
    work_wifi_share: float
    away_day_share: float
    leave_h: float
    return_h: float
    away_within_sd_h: float
    weekend_away_share: float
    weekend_leave_h: float
    weekend_bedtime_shift_h: float
    weekend_waking_shift_h: float
    never_share: float
    settle_s: float


_SHARES = (
    "night_charge_share",
    "night_wake_share",
    "home_wifi_share",
    "work_wifi_share",
    "away_day_share",
    "weekend_away_share",
    "never_share",
)
_RANGES = {
    "bedtime_h": (15.0, 39.0),
    "sleep_h": (0.0, 16.0),
    "leave_h": (0.0, 15.0),
    "return_h": (15.0, 39.0),
    "top_ups_per_day": (0.0, 6.0),
    "settle_s": (0.0, 3600.0),
    "weekend_leave_h": (0.0, 15.0),
    "weekend_bedtime_shift_h": (0.0, 6.0),
    "weekend_waking_shift_h": (0.0, 6.0),
    **dict.fromkeys(_SHARES, (0.0, 1.0)),
}


def load(name: str, read: Read) -> Availability:
    """The availability profile of that name. Raises CatalogueError on a malformed entry."""
    entry = Entry(KIND, name, read)
    title = entry.text("title")
    numbers = {}
    for key in Availability.__dataclass_fields__:
        if key not in ("name", "title"):
            least, most = _RANGES.get(key, (0.0, 24.0))
            numbers[key] = entry.number(key, least=least, most=most)
    entry.finish()
    return Availability(name=name, title=title, **numbers)
