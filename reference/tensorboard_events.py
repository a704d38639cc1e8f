"""What TensorBoard writes and reads: the reference of `gany events --format tensorboard`.

    python tensorboard_events.py              writes tensorboard_events.json
    python tensorboard_events.py --check      compares with it
    python tensorboard_events.py RUN          reads RUN as TensorBoard does and holds it against RUN's events and samples

Made with tensorboard 2.21 and protobuf 7.36.
"""

import glob
import io
import json
import math
import pathlib
import struct
import sys
import zlib

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

STARTED = 1_777_863_721.0  # 2026-05-04T03:02:01Z
RESUMED = 1_777_939_200.0  # 2026-05-05T00:00:00Z


def record(event):
    file = io.BytesIO()
    RecordWriter(file).write(event.SerializeToString())
    return file.getvalue().hex()


def png():
    """A grey picture of 3 x 2 pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = bytes([0, 10, 20, 30, 0, 40, 50, 60])
    header = struct.pack(">IIBBBBB", 3, 2, 8, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def scalars(pairs):
    return Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in pairs])


def values():
    image = Summary.Image(height=2, width=3, colorspace=1, encoded_image_string=png())
    # In the order of their names, as a run keeps its scalars.
    first = [("loss/discriminator.real", 0.0), ("loss/generator", 0.69), ("plain", math.nan)]
    restart = SessionLog(status=SessionLog.START)
    # The clock of a resumed run stands at the seconds of training of its latest step.
    events = {
        "version": Event(wall_time=STARTED + 0.5, file_version="brain.Event:2"),
        "scalars": Event(wall_time=STARTED + 0.5, step=1, summary=scalars(first)),
        "minus_infinity": Event(wall_time=STARTED + 150.25, step=300, summary=scalars([("loss/generator", -math.inf)])),
        "image": Event(
            wall_time=STARTED + 150.25,
            step=300,
            summary=Summary(value=[Summary.Value(tag="samples", image=image)]),
        ),
        "restart": Event(wall_time=RESUMED, step=301, session_log=restart),
        "after": Event(wall_time=RESUMED + 1.0, step=301, summary=scalars([("loss/generator", 0.25)])),
    }
    return {"png": png().hex()} | {name: record(event) for name, event in events.items()}


def read(run):
    run = pathlib.Path(run)
    assert glob.glob(str(run / "*tfevents*")), f"no event file in {run}"
    files = EventAccumulator(str(run), size_guidance={"scalars": 0, "images": 0, "tensors": 0})
    files.Reload()
    said = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    expected = {}
    for event in (event for event in said if event["event"] == "step"):
        for name, value in event["scalars"].items():
            expected.setdefault(name.replace(".", "/", 1), []).append((event["step"], float(value)))
    tags = files.Tags()
    assert sorted(tags["scalars"]) == sorted(expected), tags
    count = 0
    for tag, points in expected.items():
        got = [(point.step, point.value) for point in files.Scalars(tag)]
        assert len(got) == len(points), tag
        for (step, value), (other_step, other) in zip(points, got):
            rounded = struct.unpack("f", struct.pack("f", value))[0]
            assert step == other_step and (rounded == other or math.isnan(value) and math.isnan(other)), (tag, step)
            count += 1
    pictures = [event for event in said if event["event"] == "sample"]
    got = files.Images("samples")
    assert [picture.step for picture in got] == [event["step"] for event in pictures]
    for picture, event in zip(got, pictures):
        assert picture.encoded_image_string == (run / event["path"]).read_bytes(), event["path"]
    print(f"{run}: {len(expected)} tags, {count} scalars and {len(got)} pictures are read as they were said")


if __name__ == "__main__":
    path = pathlib.Path(__file__).with_suffix(".json")
    if len(sys.argv) == 1:
        path.write_text(json.dumps(values(), indent=1) + "\n")
    elif sys.argv[1] == "--check":
        assert json.loads(path.read_text()) == values(), f"{path} is out of date"
    else:
        read(sys.argv[1])
