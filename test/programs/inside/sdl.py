# SPDX-License-Identifier: Apache-2.0
"""sdl.py PICTURE [WIDTH HEIGHT FPS]: films with SDL3's camera API and keeps the newest picture there, until it is ended or the camera goes."""
import ctypes
import os
import sys
import time

SDL_INIT_CAMERA = 0x10000
SDL_EVENT_CAMERA_DEVICE_REMOVED = 0x1401
SDL_PIXELFORMAT_BGR24 = 0x17401803


class Spec(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ('format', 'colorspace')] + [
        (name, ctypes.c_int) for name in ('width', 'height', 'numerator', 'denominator')
    ]


sdl = ctypes.CDLL('libSDL3.so.0')
sdl.SDL_GetError.restype = ctypes.c_char_p
sdl.SDL_GetCameras.restype = ctypes.POINTER(ctypes.c_uint32)
for name in ('SDL_OpenCamera', 'SDL_AcquireCameraFrame', 'SDL_ConvertSurface'):
    getattr(sdl, name).restype = ctypes.c_void_p
sdl.SDL_OpenCamera.argtypes = [ctypes.c_uint32, ctypes.c_void_p]
sdl.SDL_AcquireCameraFrame.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
sdl.SDL_ReleaseCameraFrame.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
sdl.SDL_ConvertSurface.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
sdl.SDL_SaveBMP.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
sdl.SDL_DestroySurface.argtypes = [ctypes.c_void_p]
sdl.SDL_CloseCamera.argtypes = [ctypes.c_void_p]
sdl.SDL_PollEvent.argtypes = [ctypes.c_void_p]


def fail():
    sys.exit(sdl.SDL_GetError().decode())


if not sdl.SDL_Init(SDL_INIT_CAMERA):
    fail()
ids = sdl.SDL_GetCameras(None)
spec = None
if len(sys.argv) > 2:
    width, height, fps = map(int, sys.argv[2:])
    spec = ctypes.byref(Spec(0, 0, width, height, fps, 1))
camera = sdl.SDL_OpenCamera(ids[0], spec)
if not camera:
    fail()
picture, event, stamp = sys.argv[1], ctypes.create_string_buffer(128), ctypes.c_uint64()
count = 0
while True:
    while sdl.SDL_PollEvent(event):
        kind = int.from_bytes(event.raw[:4], 'little')
        if kind == SDL_EVENT_CAMERA_DEVICE_REMOVED:
            sys.exit('the camera was removed')
        if kind == 0x100:  # SDL_EVENT_QUIT, which SIGTERM becomes
            sdl.SDL_CloseCamera(camera)
            sys.exit(0)
    frame = sdl.SDL_AcquireCameraFrame(camera, ctypes.byref(stamp))
    if not frame:
        time.sleep(0.005)
        continue
    count += 1
    if count % 5 == 0:
        copy = sdl.SDL_ConvertSurface(frame, SDL_PIXELFORMAT_BGR24)
        sdl.SDL_SaveBMP(copy, (picture + '.new').encode())
        sdl.SDL_DestroySurface(copy)
        os.rename(picture + '.new', picture)
    sdl.SDL_ReleaseCameraFrame(camera, frame)
