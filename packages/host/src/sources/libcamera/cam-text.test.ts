// SPDX-License-Identifier: Apache-2.0
import { V4L2_PIX_FMT_BGR24, V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_RGB24 } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { camDescription, camFrame, listedCameras, MAX_SIZES, meantCamera } from './cam-text.ts';

const LIST = `Available cameras:
1: Internal front camera (/base/soc/i2c0mux/i2c@1/imx219@10)
2: 'HD Webcam' (\\_SB_.PCI0.XHC_.RHUB.HS07-7:1.0-0bda:5532)
3: (platform/nameless)
`;

describe('what cam says of cameras', () => {
  it('is their ids and names', () => {
    expect(listedCameras(LIST)).toEqual([
      { id: '/base/soc/i2c0mux/i2c@1/imx219@10', name: 'Internal front camera' },
      { id: '\\_SB_.PCI0.XHC_.RHUB.HS07-7:1.0-0bda:5532', name: "'HD Webcam'" },
      { id: 'platform/nameless', name: '' },
    ]);
    expect(listedCameras('Available cameras:\n')).toEqual([]);
  });

  it.each([
    ['/base/soc/i2c0mux/i2c@1/imx219@10', 0],
    ['front', 0],
    ['internal front camera', 0],
    ['HD Webcam', 1],
    ['platform/nameless', 2],
  ])('finds %s by id, name or place', (wanted, index) => {
    const cameras = listedCameras(LIST);
    expect(meantCamera(cameras, wanted)).toBe(cameras[index]);
  });

  it.each(['back', '', 'imx'])('finds no camera by %j', (wanted) => {
    expect(meantCamera(listedCameras(LIST), wanted)).toBeUndefined();
  });

  it('has the formats that are known, the usual one first, with sizes that have a middle', () => {
    const { formats, size } = camDescription(`Using camera x as cam0
0: 1920x1080-BGR888
 * Pixelformat: SRGGB10_CSI2P (32x32)-(1920x1080)/(+2,+2)
  - 640x480
 * Pixelformat: RGB888 (16x16)-(4096x2160)/(+1,+1)
  - 640x480
  - 853x480
  - 9000x480
 * Pixelformat: BGR888 (16x16)-(4096x2160)/(+1,+1)
  - 160x120
  - 1920x1080
 * Pixelformat: NV12 (16x16)-(4096x2160)/(+1,+1)
`);
    expect(size).toEqual({ width: 1920, height: 1080 });
    expect(formats.map(({ fourcc }) => fourcc)).toEqual([V4L2_PIX_FMT_RGB24, V4L2_PIX_FMT_BGR24]);
    expect(formats[1]?.sizes).toEqual([{ width: 640, height: 480 }]);
  });

  it('names a stream with its colour space too', () => {
    const { formats } = camDescription(`0: 640x480-NV12/Rec709
 * Pixelformat: NV12 (16x16)-(640x480)/(+1,+1)
  - 640x480`);
    expect(formats).toEqual([{ fourcc: V4L2_PIX_FMT_NV12, name: 'NV12', sizes: [{ width: 640, height: 480 }] }]);
  });

  it.each([
    ['CameraFront', 0],
    ['CameraLocationBack', 1],
    ['2', 2],
    ['sideways', undefined],
  ])('tells that a camera is at %s', (written, location) => {
    expect(camDescription(`Property: Location = ${written}\nProperty: Rotation = -90`)).toMatchObject({
      location,
      rotation: 270,
    });
  });

  it('is believed for so many sizes only', () => {
    const sizes = Array.from({ length: 1000 }, (_, i) => `  - ${2 * i + 16}x480`).join('\n');
    const { formats } = camDescription(` * Pixelformat: NV12 (1x1)-(1x1)/(+1,+1)\n${sizes}`);
    expect(formats[0]?.sizes).toHaveLength(MAX_SIZES);
  });
});

describe('a line of cam', () => {
  it('is of a frame', () => {
    expect(camFrame('2.746459 (9.52 fps) cam0-stream0 seq: 000001 bytesused: 307200/153600')).toEqual({
      sequence: 1,
      timestamp: 2_746_459,
      bytes: [307200, 153600],
    });
    expect(camFrame('12.000001 (30.00 fps) stream0 seq: 000777 bytesused: 6220800')?.bytes).toEqual([6220800]);
  });

  it.each(['', 'cam0: Capture 5 frames', '2.7 (9.52 fps) cam0-stream0', 'bytesused: 12'])('is of no frame: %j', (line) => {
    expect(camFrame(line)).toBeUndefined();
  });
});
