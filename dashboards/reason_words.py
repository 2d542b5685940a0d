"""Why an alert was raised, in words: the measured explanation, or its reasons for who does not know the short words."""

from models.alerts.alert import Alert, AlertKind

# Of a connector or an agent, whose "silent" is another than a device's.
_BEHIND = {
    "behind": "its work is far behind the snapshots",
    "held_back": "it waits for agents that are far behind",
    "kafka_away": "it can't reach Kafka",
    "silent": "it gives no sign of life",
}
# Of snapshots that come no more.
_STOPPED = {
    "nothing_comes": "no new snapshot lies in the watched folders",
    "folder_away": "a watched folder is missing or empty",
    "folder_hangs": "a watched folder does not answer",
}
# Of the archive, whose "behind" has nothing to do with agents.
_ARCHIVE = {
    "behind": "more snapshots come than are archived",
    "store_away": "the archive's store takes no files",
    "catalog_away": "the archive's catalog can't be written",
    "folder_away": "a watched folder is missing or empty",
    "files_fail": "some files can't be read or copied, others are archived",
    "stopped": "the archiver can't work",
}
# Of tape, whose words say what a person is wanted for.
_TAPE = {
    "write_failed": "a write to the cartridge failed",
    "read_failed": "a reading from the cartridge failed",
    "copy_damaged": "what was read back is not what was written",
    "wrong_cartridge": "what is mounted may not be written to",
    "content_missing": "a file that is to go to tape is nowhere as it was archived",
    "copies_missing": "a bundle has too few copies, and is no longer on the disk",
    "catalog_older": "the catalog lacks bundles that were made before",
    "disk_full": "the disk has no room for a bundle besides the reserve",
    "no_room": "no mounted cartridge has room for what waits",
    "remount": "the cartridges are to be mounted anew, so that they can be read back",
}
# Of whoever is to be told of alerts.
_RECEIVER = {
    "away": "the receiver of alerts does not answer, or takes nothing",
    "refused": "the receiver does not take some messages",
    "gone": "the receiver wants no messages any more",
    "slow": "the receiver takes messages more slowly than they come",
    "not_configured": "messages wait for a receiver that the settings do not name",
}
_WORDS = {
    "residual": "the picture is not as usual",
    "latent": "an unusual combination of usual parts",
    "beam_moments": "the beam's brightness, place, size or shape is not as usual",
    "stuck_frame": "each frame is bit for bit the one before",
    "saturated": "pixels are saturated",
    "energy_outlier": "the energy is far from its running mean",
    "energy_step": "the energy has a new level",
    "spectrum_shape": "the spectrum is not as usual",
    "spectrum_moments": "the spectrum's strength, centre or width is not as usual",
    "state_not_on": "the device is not ON while its stage fires",
    "no_beam": "the camera is dark although the meter measures",
    "sum_against_energy": "image, energy and spectrum do not follow each other",
    "incomplete": "the shot lacks something",
    "missing_image": "no image came",
    "missing_energy": "no energy came",
    "missing_spectrum": "no spectrum came",
    "silent": "the device has stopped recording while its stage fires",
    "triplet": "image, energy and spectrum are unusual together",
    "not_delivered": "the next snapshot of the series did not come",
    "empty": "the file has 0 bytes; transfer it again",
    "truncated": "the file is cut off: records are missing, or all of them; transfer it again",
    "damaged_hdf5": "there is no readable HDF5 in the file",
    "not_hdf5": "the file is no HDF5 in spite of its name",
    "no_records": "there is nothing in the file",
    "permission": "this user may not read the file",
    "no_date": "the file's name tells no date",
    "ambiguous_date": "the file's name tells several dates",
    "in_the_future": "its first record is ahead of this computer's clock",
    "changed_while_read": "the file changed while it was read",
    "too_large": "the file is larger than reading.max_file_mib",
    "too_many_records": "the file has more records than reading.max_records",
    "vanished": "the file was gone before it was read",
    "symlink": "it is a symbolic link, which is not followed",
    "is_directory": "it is a folder",
    "not_a_file": "it is no regular file",
    "storage": "the disk or the network file system failed",
}
_OF_KIND = {
    AlertKind.PIPELINE_LAG: _BEHIND,
    AlertKind.CONNECTOR_BEHIND: _BEHIND,
    AlertKind.DATA_STOPPED: _STOPPED,
    AlertKind.ARCHIVE_LATE: _ARCHIVE,
    AlertKind.RECEIVER_FAILING: _RECEIVER,
    AlertKind.TAPE_TROUBLE: _TAPE,
    AlertKind.TAPE_WANTED: _TAPE,
}
# Said by what is missing.
_SAID_BY_OTHERS = {"incomplete"}


def why(alert: Alert) -> str:
    """The measured explanation, or the reasons in words; a reason without words stands for itself."""
    if alert.explanation.text:
        return alert.explanation.text
    words = _WORDS | _OF_KIND.get(alert.kind, {})
    told = [reason for reason in alert.reasons if reason not in _SAID_BY_OTHERS] or alert.reasons
    return ", ".join(words.get(reason, reason) for reason in told)
