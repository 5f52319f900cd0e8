"""Makes the demo's clip from vtest.avi: frames 400 to 794, H.264, under 2 MB. See docs/decisions/0002-demo-clip.md.

Run once, by a maintainer: `python deploy/demo/make_clip.py PATH/TO/vtest.avi`. The clip is committed, this is how it
was made.
"""

from __future__ import annotations

import hashlib
import sys
from fractions import Fraction
from pathlib import Path

import av

SOURCE_SHA256 = "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf"
FIRST_FRAME, FRAMES_PER_S, CRF = 400, 10, 28
CLIP = Path(__file__).with_name("vtest-excerpt.mp4")


def main() -> int:
    source = Path(sys.argv[1])
    if hashlib.sha256(source.read_bytes()).hexdigest() != SOURCE_SHA256:
        print(f"{source}: not the vtest.avi of Debian's opencv-doc (its sha256 is {SOURCE_SHA256})")
        return 1
    options = {"crf": str(CRF), "preset": "veryslow", "g": "100", "x264-params": "threads=1"}
    with av.open(str(source)) as footage, av.open(str(CLIP), "w", options={"movflags": "+faststart"}) as clip:
        video = clip.add_stream("libx264", rate=FRAMES_PER_S, options=options)
        video.width, video.height, video.pix_fmt = 768, 576, "yuv420p"
        for number, frame in enumerate(footage.decode(video=0)):
            if number >= FIRST_FRAME:
                picture = frame.reformat(format="yuv420p")
                picture.pts = number - FIRST_FRAME
                picture.time_base = Fraction(1, FRAMES_PER_S)
                clip.mux(video.encode(picture))
        clip.mux(video.encode())
    print(f"{CLIP}: {CLIP.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
