# SPDX-License-Identifier: Apache-2.0
"""opencv.py PICTURE [WIDTH HEIGHT FPS]: films with OpenCV and keeps the newest picture there, until it is ended or a picture fails."""
import os
import signal
import sys

import cv2

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
camera = cv2.VideoCapture(0, cv2.CAP_V4L2)
if len(sys.argv) > 2:
    width, height, fps = map(int, sys.argv[2:])
    camera.set(cv2.CAP_PROP_FRAME_WIDTH, width)
    camera.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
    camera.set(cv2.CAP_PROP_FPS, fps)
count = 0
while True:
    there, picture = camera.read()
    if not there:
        sys.exit('no picture')
    count += 1
    if count % 5 == 0:
        cv2.imwrite(sys.argv[1] + '.new.png', picture)
        os.rename(sys.argv[1] + '.new.png', sys.argv[1])
