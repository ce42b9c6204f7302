"""The record of a training: rows by step, as a CSV file and as events that TensorBoard shows."""

from __future__ import annotations

import csv
import os
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Row = dict[str, float]
COLUMNS = ("step", "seconds", "loss", "validation", "learning_rate", "gradient", "skipped")


class Record:
    """Rows of a training, kept in memory and, with a folder, on disk.

    Parameters
    ----------
    rows : list of dict
        What was recorded before; files begin with these.
    log : Path or None
        The CSV file.
    events : Path or None
        The folder of TensorBoard's events.
    """

    def __init__(self, rows: list[Row], log: Path | None, events: Path | None) -> None:
        self.rows = rows
        self._log = log
        self._events = None if events is None else EventFile(events)
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("w", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(rows)

    def add(self, row: Row) -> None:
        """Append a row."""
        self.rows.append(row)
        if self._log is not None:
            with self._log.open("a", newline="") as file:
                csv.DictWriter(file, COLUMNS).writerow(row)
        if self._events is not None:
            seen = {name: value for name, value in row.items() if value == value and name != "step"}
            self._events.add(int(row["step"]), seen)


class EventFile:
    """A file of numbers by step in TensorBoard's format.

    Parameters
    ----------
    folder : Path
        Where to put it.

    Notes
    -----
    Records are TFRecords of Event messages: length, masked CRC-32C of the length, message, its masked CRC-32C; the
    message in Protocol Buffers' wire format (tensorflow/core/util/event.proto and framework/summary.proto).
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{os.getpid()}"
        self.path = folder / name
        self._append(_double(1, time.time()) + _bytes(3, b"brain.Event:2"))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Append numbers at a step."""
        summary = b"".join(
            _bytes(1, _bytes(1, name.encode()) + _float(2, value)) for name, value in values.items()
        )
        self._append(_double(1, time.time()) + _varint_field(2, step) + _bytes(5, summary))

    def _append(self, message: bytes) -> None:
        length = struct.pack("<Q", len(message))
        with self.path.open("ab") as file:
            file.write(length + _masked_crc(length) + message + _masked_crc(message))


def _masked_crc(data: bytes) -> bytes:
    import google_crc32c  # needed for nothing else in a training

    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def _varint_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _double(number: int, value: float) -> bytes:
    return _varint(number << 3 | 1) + struct.pack("<d", value)


def _float(number: int, value: Any) -> bytes:
    return _varint(number << 3 | 5) + struct.pack("<f", value)
