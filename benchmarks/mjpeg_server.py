"""A network camera made of a video file: motion JPEG over HTTP.   python -m benchmarks.mjpeg_server VIDEO --port 8090

Every picture carries the time it was sent, as black and white blocks along its upper edge, so that whoever shows or analyses
it on the same machine can tell how old it is. The connection queues what nobody fetches, as real ones do.
"""

import argparse
import contextlib
import itertools
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np

BITS, BLOCK_PX = 24, 8
WRAP_MS = 1 << BITS  # four and a half hours


def stamp(image_bgr: np.ndarray, t_ms: int) -> None:
    """Write a time into the picture."""
    for bit in range(BITS):
        image_bgr[:BLOCK_PX, bit * BLOCK_PX : (bit + 1) * BLOCK_PX] = 255 if t_ms >> bit & 1 else 0


def age_ms(image_bgr: np.ndarray, now_ns: int) -> float:
    """How long before `now_ns` (monotonic clock) the picture was sent."""
    row = image_bgr[BLOCK_PX // 2, BLOCK_PX // 2 : BITS * BLOCK_PX : BLOCK_PX].mean(axis=1)
    t_ms = sum(1 << bit for bit in range(BITS) if row[bit] > 128)
    return (now_ns * 1e-6 - t_ms) % WRAP_MS


def read_pictures(video: Path, size_px: tuple[int, int], count: int) -> list[np.ndarray]:
    """The first pictures of a video, made smaller."""
    capture, pictures = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG), []
    while len(pictures) < count:
        is_good, image_bgr = capture.read()
        if not is_good:
            break
        pictures.append(cv2.resize(image_bgr, size_px, interpolation=cv2.INTER_AREA))
    if not pictures:
        raise SystemExit(f"mjpeg_server: {video} has no readable picture")
    return pictures


def handler_of(pictures: list[np.ndarray], fps: float) -> type[BaseHTTPRequestHandler]:
    """What answers each connection: the pictures there and back again, at their pace, for ever."""

    class MotionJpeg(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
            self.end_headers()
            due_s = time.monotonic()
            try:
                for image_bgr in itertools.cycle(pictures + pictures[::-1]):
                    stamp(image_bgr, time.monotonic_ns() // 1_000_000 % WRAP_MS)
                    jpeg = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
                    head = b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
                    self.wfile.write(head + jpeg + b"\r\n")
                    due_s += 1 / fps
                    time.sleep(max(0.0, due_s - time.monotonic()))
            except OSError:
                pass  # the reader has gone

        def log_message(self, format: str, *args: object) -> None:
            pass

    return MotionJpeg


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path, metavar="VIDEO")
    parser.add_argument("--port", type=int, default=0, help="default: a free one, which is printed")
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--frames", type=int, default=240, help="so many pictures of the video, there and back (default: 240)")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    pictures = read_pictures(args.video, (args.width, args.height), args.frames)
    ThreadingHTTPServer.allow_reuse_address = True
    server = ThreadingHTTPServer(("127.0.0.1", args.port), handler_of(pictures, args.fps))
    print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
