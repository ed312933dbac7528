# SPDX-License-Identifier: Apache-2.0
"""An RTSP server of GStreamer's, with a camera whose crystal may be wrong: serve.py PORT WIDTH HEIGHT FPS PPM.

Each picture has the time at which it was made in it: the lowest 48 bits of CLOCK_MONOTONIC in microseconds, bit by bit, as white or
black squares of 16 pixels in its first rows. The server's clock is PPM parts of a million too fast.
"""

import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, GObject, Gst, GstRtspServer  # noqa: E402

BITS = 48
SQUARE = 16
WHITE = b"\xeb" * SQUARE
BLACK = b"\x10" * SQUARE

port, width, height, fps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
ppm = float(sys.argv[5])
per_row = width // SQUARE
rows = (BITS + per_row - 1) // per_row * SQUARE
# A slope that moves: longer than a picture, so that each begins elsewhere.
slope = bytes((x + x // width) % 200 + 20 for x in range(width * (height + 60)))
chroma = bytes([100]) * (width * height // 4) + bytes([150]) * (width * height // 4)
Gst.init(None)


def clock_rows(now):
    lines = bytearray()
    for first in range(0, BITS, per_row):
        line = b"".join(WHITE if bit < BITS and now >> bit & 1 else BLACK for bit in range(first, first + per_row))
        lines += line.ljust(width, b"\x10") * SQUARE
    return bytes(lines)


def crystal():
    """The clock that the server counts and sends by."""
    clock = GObject.new(Gst.SystemClock)
    now = clock.get_internal_time()
    clock.set_calibration(now, now, 1_000_000 + round(ppm), 1_000_000)
    return clock


class Camera(threading.Thread):
    """Pushes pictures at its own pace until the media has gone."""

    def __init__(self, source):
        super().__init__(daemon=True)
        self.source = source
        self.running = True

    def run(self):
        start = time.monotonic()
        number = 0
        while self.running:
            due = start + number / (fps * (1 + ppm / 1e6))
            time.sleep(max(0, due - time.monotonic()))
            now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            at = number % 60 * width
            picture = clock_rows(now) + slope[at + rows * width : at + height * width] + chroma
            buffer = Gst.Buffer.new_wrapped(picture)
            buffer.pts = buffer.dts = number * Gst.SECOND // fps
            buffer.duration = Gst.SECOND // fps
            if self.source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
                return
            number += 1


class Clock(GstRtspServer.RTSPMediaFactory):
    def do_configure(self, media):
        media.set_clock(crystal())
        camera = Camera(media.get_element().get_by_name_recurse_up("camera"))
        media.connect("unprepared", lambda _media: setattr(camera, "running", False))
        camera.start()


factory = Clock()
factory.set_launch(
    f"( appsrc name=camera is-live=true format=time block=false caps=video/x-raw,format=I420,width={width},height={height},"
    f"framerate={fps}/1 ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max={fps} bitrate=4000 "
    "! rtph264pay name=pay0 pt=96 config-interval=1 )"
)
factory.set_shared(True)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
server.get_mount_points().add_factory("/clock", factory)
if server.attach(None) == 0:
    sys.exit(f"port {port} is taken")
print("ready", flush=True)
GLib.MainLoop().run()
