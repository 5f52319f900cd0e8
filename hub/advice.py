"""What to do first, in one or two sentences for each rule. The assessment's own advice comes before it."""

from __future__ import annotations

from contract.phrase import Phrase, say

ADVICE: dict[str, tuple[Phrase, ...]] = {
    "density.caution": (
        say("Look at the camera. Keep ways in and out free, and slow the inflow if it goes on."),
    ),
    "density.warning": (
        say("Send stewards to the spot and slow the inflow."),
        say("Open further ways out; have the stage or the stalls hold back what draws people in."),
    ),
    "density.critical": (
        say("Stop the inflow now and open every way out. Nobody pushes in from behind."),
        say("Let stewards speak to the crowd; call the police and ambulance liaison."),
    ),
    "density.extreme": (
        say("Crush danger. Stop the inflow, open all ways out, stop the programme, call emergency services."),
        say("Move the edge of the crowd away first, from the outside inwards."),
    ),
    "time.to.critical": (say("Slow or redirect the inflow now, while there is still room."),),
    "occupancy": (say("Meter the entrances; let in as many as leave."),),
    "area.entered": (say("Look at the camera, and send the nearest steward."),),
    "vehicle.unauthorised": (
        say("Look at the camera and confirm. Send the nearest officer, and check the barriers behind it."),
        say("If it may be there, grant it a timed permit."),
    ),
    "vehicle.in_crowd": (
        say("Look at the camera now. Warn the officers on the spot and clear people from its way."),
        say("Close the barriers behind it, and call the police."),
    ),
    "vehicle.stopped": (
        say("Look at the camera. Is someone inside? Have the driver move it; keep people away."),
    ),
    "zone.risk": (say("Read the terms: put right what stands open, and brief the officers on duty."),),
    "sensor.silent": (
        say("Treat the zone as unknown, not as calm: look with another camera, or send someone."),
        say("Check power, network and picture of the camera."),
    ),
}


def advice(rule: str) -> tuple[Phrase, ...]:
    """Raises KeyError for a rule without advice; a test holds that there is none."""
    return ADVICE[rule]
