"""What to do first, in one or two sentences for each rule. The assessment's own advice comes before it."""

from __future__ import annotations

ADVICE: dict[str, tuple[str, ...]] = {
    "density.caution": ("Look at the camera. Keep ways in and out free, and slow the inflow if it goes on.",),
    "density.warning": (
        "Send stewards to the spot and slow the inflow.",
        "Open further ways out; have the stage or the stalls hold back what draws people in.",
    ),
    "density.critical": (
        "Stop the inflow now and open every way out. Nobody pushes in from behind.",
        "Let stewards speak to the crowd; call the police and ambulance liaison.",
    ),
    "density.extreme": (
        "Crush danger. Stop the inflow, open all ways out, stop the programme, call emergency services.",
        "Move the edge of the crowd away first, from the outside inwards.",
    ),
    "time.to.critical": ("Slow or redirect the inflow now, while there is still room.",),
    "occupancy": ("Meter the entrances; let in as many as leave.",),
    "area.entered": ("Look at the camera, and send the nearest steward.",),
    "vehicle.unauthorised": (
        "Look at the camera and confirm. Send the nearest officer, and check the barriers behind it.",
        "If it may be there, grant it a timed permit.",
    ),
    "vehicle.in_crowd": (
        "Look at the camera now. Warn the officers on the spot and clear people from its way.",
        "Close the barriers behind it, and call the police.",
    ),
    "vehicle.stopped": ("Look at the camera. Is someone inside? Have the driver move it; keep people away.",),
    "zone.risk": ("Read the terms: put right what stands open, and brief the officers on duty.",),
    "sensor.silent": (
        "Treat the zone as unknown, not as calm: look with another camera, or send someone.",
        "Check power, network and picture of the camera.",
    ),
}


def advice(rule: str) -> tuple[str, ...]:
    """Raises KeyError for a rule without advice; a test holds that there is none."""
    return ADVICE[rule]
