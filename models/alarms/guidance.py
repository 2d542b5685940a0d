"""What each kind of alarm means, what to check and whom to call, with the delays that suit it: the defaults.

An installation writes its own into ``[alarms.kinds.KIND]``.
"""

from dataclasses import dataclass

from models.alerts.alert import AlertKind

_LASER = "laser operator on shift"
_BEAM = "laser operator on shift; then the scientist responsible for the beam"
_CONTROLS = "control system engineer on call"
_DATA = "who looks after the computers of the data acquisition"
_ARCHIVE = "who looks after archive and tapes"


@dataclass(frozen=True, slots=True, kw_only=True)
class KindGuidance:
    """For one kind of alarm.

    Attributes
    ----------
    rationale
        Why it is an alarm at all: what happens when nobody does anything.
    meaning
        What it means.
    check
        What to look at, in this order.
    call
        Whom to call when that does not help.
    on_delay_s, off_delay_s, latching
        As ``AlarmTiming`` takes them.
    """

    rationale: str
    meaning: str
    check: str
    call: str = _LASER
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0
    latching: bool = False


GUIDANCE: dict[AlertKind, KindGuidance] = {
    AlertKind.IMAGE_ANOMALY: KindGuidance(
        rationale="A hot spot burns the next optic within few shots, and the debris of that one the optics behind it.",
        meaning="The beam's profile is not what this camera has shown lately: a hot or dark spot, clipping, pointing, "
        "size, shape, fringes or saturation.",
        check="Look at the residual first. A small red spot that stays from shot to shot: stop firing this arm and "
        "inspect the optics upstream of the camera. Else: does the camera before it show the same? Alignment and "
        "apertures, then the camera's own window, filters and exposure.",
        call=_BEAM,
    ),
    AlertKind.STUCK_FRAME: KindGuidance(
        rationale="While the picture stands still nobody watches that beam: damage would go unseen.",
        meaning="The camera delivers bit for bit the same picture again, while there is beam.",
        check="Restart the camera's server, then its acquisition on the recorder computer; look whether its trigger "
        "arrives. Until it lives again, watch the cameras before and after it.",
        call=_CONTROLS,
    ),
    AlertKind.NO_BEAM: KindGuidance(
        rationale="Energy that is measured and not seen goes somewhere: onto a mount, a shutter blade, a wall.",
        meaning="The camera is dark although the stage's energy meter measures energy.",
        check="Where does the energy go? Shutters and flip mirrors between meter and camera, pointing off the chip, "
        "an attenuator that was left in; then the camera's trigger and exposure.",
        call=_BEAM,
    ),
    AlertKind.DRIFT: KindGuidance(
        rationale="Slow drift ends at an aperture: clipping, lost energy, a modulated beam in the next amplifier.",
        meaning="The beam has slowly moved away from where it was learned, in position, size, brightness or shape; "
        "each frame by itself is normal.",
        check="Pointing stabilisation and its references, temperature of hall and cooling water, a mount that creeps. "
        "Realign at the next pause. Was it moved on purpose: accept the new state as the baseline.",
        call=_BEAM,
    ),
    AlertKind.ENERGY_OUTLIER: KindGuidance(
        rationale="A shot far above its energy exceeds the damage threshold of coatings and crystals downstream; one "
        "far below spoils the experiment's shot.",
        meaning="An energy far from the recent ones of this meter.",
        check="High: stop firing until it is understood. Pump lasers (a flash lamp, one of several pumps lost), "
        "timing between pump and seed, the seed one stage before; last the meter itself, against the camera's sum.",
    ),
    AlertKind.ENERGY_STEP: KindGuidance(
        rationale="A level that changed by itself is a pump, an optic or a filter that changed by itself.",
        meaning="Fifty extreme readings in a row that agree with each other: a new level, from which is learned anew.",
        check="Was the energy set on purpose? If not: pumps, Pockels cells and timing, an attenuator or filter wheel, "
        "the meter's range and its head. The stage before tells whether the step begins here.",
    ),
    AlertKind.SPECTRUM_ANOMALY: KindGuidance(
        rationale="A narrower spectrum is a shorter stretched pulse, and with it a smaller margin to the damage "
        "threshold in every amplifier that follows.",
        meaning="Shape or moments of the spectrum are unusual: its sum, centre, bandwidth or peaks.",
        check="Bandwidth lost: reduce the pump energy before going on. Front end first: seed, OPCPA pump timing, "
        "spectral shaping (Dazzler, Mazzler); then fibre, integration time and dark spectrum of the spectrometer.",
        call=_BEAM,
    ),
    AlertKind.TRIPLET_ANOMALY: KindGuidance(
        rationale="Instruments that contradict each other hide a real change of the beam, or are believed wrongly.",
        meaning="Image, energy and spectrum of the same shots do not fit together as they usually do.",
        check="The device that the explanation names: a filter that was changed, a slow shutter, a meter out of "
        "calibration, a camera that saturates. Named by its scores alone: look at its frames as for image_anomaly.",
    ),
    AlertKind.INCOMPLETE_TRIPLET: KindGuidance(
        rationale="A stage that is watched with one eye closed; a storm of lost records blinds it.",
        meaning="Shots of a firing stage lack a valid image, energy or spectrum; the reasons say which.",
        check="Recorder computer of the missing device: load, disk, network; then the device's trigger and its server. "
        "Single losses may wait for the end of the shift, a growing number may not.",
        call=_DATA,
        off_delay_s=90.0,
    ),
    AlertKind.DEVICE_STATE: KindGuidance(
        rationale="A device that is not ON measures nothing that counts, while the stage goes on firing.",
        meaning="The control system shows the device in another state than ON while its stage fires.",
        check="The device's panel and its server in the control system: acknowledge its fault there, switch it on, "
        "restart the server. Taken out on purpose: start maintenance, or take the alarm out of service.",
        call=_CONTROLS,
        off_delay_s=90.0,
    ),
    AlertKind.DEVICE_SILENT: KindGuidance(
        rationale="Nobody misses a device that says nothing, until its data are needed.",
        meaning="The device gives no record at all while its stage fires, for 20 shots and 3 seconds.",
        check="Does its recorder run, does its server answer, is the network cable in? Taken out on purpose: start "
        "maintenance, or take the alarm out of service.",
        call=_CONTROLS,
        off_delay_s=90.0,
    ),
    AlertKind.SNAPSHOT_MISSING: KindGuidance(
        rationale="Minutes that were not delivered are watched by nobody, and lost when the recorder's disk is full.",
        meaning="A recorder that wrote regularly has not delivered its next snapshot; others of its front end did.",
        check="The recorder computer: does its process run, is its disk full, does the transfer to the watched folder "
        "work? Files that come later are read then, and the alarm closes.",
        call=_DATA,
    ),
    AlertKind.SNAPSHOT_REJECTED: KindGuidance(
        rationale="What can't be read can't be watched, and will not be readable in ten years either.",
        meaning="A snapshot could not be read, or in part only; the reason says why.",
        check="Transfer the file again from the recorder computer while it is still there. Many of one recorder: its "
        "disk, its memory, a version of its writer that is new.",
        call=_DATA,
    ),
    AlertKind.PIPELINE_LAG: KindGuidance(
        rationale="Alarms of the beam come late by as much as the work is behind.",
        meaning="An agent's work on Kafka is minutes behind what was sent. Nothing is lost.",
        check="Do all workers run? What do their computers do besides? If they all work at their limit, add one.",
        call=_DATA,
        off_delay_s=60.0,
    ),
    AlertKind.CONNECTOR_BEHIND: KindGuidance(
        rationale="Nobody watches what that recorder writes, and nothing else will say so.",
        meaning="Snapshots on a recorder computer were not sent to the workers; the reason says why.",
        check="kafka_away: brokers and network. held_back: the workers, they are behind. behind: the load of the "
        "recorder computer. silent: the connector's process, and the computer itself.",
        call=_DATA,
        off_delay_s=60.0,
    ),
    AlertKind.DATA_STOPPED: KindGuidance(
        rationale="Shots that are fired now are seen by nobody, and every other alarm keeps still with the data.",
        meaning="Snapshots had been coming, and for minutes none has: from no recorder of these folders.",
        check="Does the laser rest? Then acknowledge it; it ends when snapshots come. Else, nothing_comes: the "
        "recorder computers, their transfer, their disks. folder_away, folder_hangs: the mount, the file server, the "
        "network.",
        call=_DATA,
        off_delay_s=300.0,
    ),
    AlertKind.TAPE_TROUBLE: KindGuidance(
        rationale="Copies that were relied on may be gone; every day on which nobody looks, one copy less is left.",
        meaning="A cartridge could not be written or read, or what was read back was not what was written. Nothing was "
        "marked safe that is not.",
        check="`petawatch archive volumes` and the reason: take the cartridge out, look at it, clean the drive, try "
        "another drive; then decide about the cartridge there.",
        call=_ARCHIVE,
    ),
    AlertKind.TAPE_WANTED: KindGuidance(
        rationale="Nothing is lost while it waits, but the disk that bundles are built on fills up.",
        meaning="Bundles wait for a cartridge with room, or for cartridges to be mounted anew and read back.",
        check="no_room: load an empty formatted cartridge. remount: unmount and mount the cartridges that are named.",
        call=_ARCHIVE,
    ),
    AlertKind.RECEIVER_FAILING: KindGuidance(
        rationale="Whoever is told of alerts by this receiver is not: an alert that nobody saw is as good as none.",
        meaning="A message waits for a receiver or messenger for longer than the limit. Nothing is lost, and all "
        "others are told.",
        check="`petawatch webhooks list` says what it answers. away: the receiver, network, certificates. refused, "
        "gone: its owner, and its address and secret in the settings. `petawatch webhooks test` tries it.",
        call=_DATA,
    ),
    AlertKind.ARCHIVE_LATE: KindGuidance(
        rationale="As long as they wait, the snapshots lie on a single disk.",
        meaning="A snapshot waits for the archive for longer than the limit. Nothing is lost.",
        check="The reason: store or catalog away (server, network, rights, room), folder away (is the disk mounted?), "
        "files that fail (`petawatch archive status` names them).",
        call=_ARCHIVE,
    ),
}
