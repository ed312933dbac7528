// SPDX-License-Identifier: Apache-2.0
import {
  type FrameSource,
  NO_CONTROLS,
  SharedSource,
  SourceError,
  V4L2_CID_BRIGHTNESS,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
} from '@paravideo/core';
import { SolidSource, ToyCapture, toyModes } from '@paravideo/core/testing';
import { describe, expect, it } from 'vitest';
import { withDefaults } from './source-defaults.ts';

const source: FrameSource = {
  capabilities: {
    card: 'Pattern',
    formats: [V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_NV12M],
    defaultSize: { width: 1280, height: 720 },
    defaultInterval: { numerator: 1, denominator: 30 },
    colorimetry: { colorspace: 0, ycbcrEnc: 0, quantization: 0, xferFunc: 0 },
    sizes: () => ({
      kind: 'stepwise',
      range: { minWidth: 96, maxWidth: 1920, stepWidth: 2, minHeight: 64, maxHeight: 1080, stepHeight: 2 },
    }),
    intervals: () => ({ kind: 'continuous', min: { numerator: 1, denominator: 60 }, max: { numerator: 1, denominator: 5 } }),
  },
  presence: { kind: 'present' },
  watch: () => ({ [Symbol.dispose]: () => {} }),
  start: () => {
    throw new TypeError('not used here');
  },
  controls: NO_CONTROLS,
};

describe('a source with defaults of a camera', () => {
  it('says what the configuration says and does what the source does', () => {
    const camera = withDefaults(source, { card: 'Desk', size: { width: 640, height: 480 }, fps: 15 }, 'devices[0]');
    expect(camera.capabilities).toMatchObject({
      card: 'Desk',
      defaultSize: { width: 640, height: 480 },
      defaultInterval: { numerator: 1, denominator: 15 },
      formats: source.capabilities.formats,
    });
    expect(camera.controls).toBe(source.controls);
  });

  it('has no controls of its own or of others where the configuration says so', () => {
    const shared = new SolidSource();
    const camera = withDefaults(shared, { controls: 'none' }, 'devices[0]');
    const open = withDefaults(shared, { controls: 'shared' }, 'devices[1]');
    const heard: string[] = [];
    using _closed = camera.controls.onChange((id, value) => void heard.push(`none ${id} ${value}`));
    using _open = open.controls.onChange((id, value) => void heard.push(`shared ${id} ${value}`));
    expect(camera.controls.declared).toEqual([]);
    expect(() => camera.controls.set(V4L2_CID_BRIGHTNESS, 0)).toThrow(SourceError);
    expect(shared.controls.get(V4L2_CID_BRIGHTNESS)).toBe(128);
    expect(open.controls.set(V4L2_CID_BRIGHTNESS, 9)).toBe(0);
    expect(heard).toEqual([`shared ${V4L2_CID_BRIGHTNESS} 9`]);
  });

  it('has the configured defaults again when the source has changed, where it still can have them', () => {
    const toy = new ToyCapture(toyModes([V4L2_PIX_FMT_NV12], [64, 48], [128, 96]));
    const shared = new SharedSource(toy);
    const camera = withDefaults(shared, { card: 'Desk', size: { width: 128, height: 96 } }, 'devices[0]');
    const told: string[] = [];
    using _watching = camera.watch((change) => void told.push(change));
    const first = camera.capabilities;
    expect([first.defaultSize.width, camera.capabilities === first]).toEqual([128, true]);
    toy.appear(toyModes([V4L2_PIX_FMT_NV12M], [32, 32]));
    expect(camera.capabilities).toMatchObject({ card: 'Desk', formats: [V4L2_PIX_FMT_NV12M], defaultSize: { width: 32 } });
    toy.appear(toyModes([V4L2_PIX_FMT_NV12], [64, 48], [128, 96]));
    expect(camera.capabilities).toMatchObject({ card: 'Desk', formats: [V4L2_PIX_FMT_NV12], defaultSize: { width: 128 } });
    toy.vanish();
    expect([camera.presence.kind, told]).toEqual(['lost', ['modes', 'modes', 'went']]);
  });

  it.each([
    [{ size: { width: 4000, height: 480 } }, 'devices[0].size: the source has no 4000x480'],
    [{ size: { width: 641, height: 480 } }, 'devices[0].size: the source has no 641x480'],
    [
      {
        sizes: [
          { width: 640, height: 480 },
          { width: 20, height: 20 },
        ],
      },
      'devices[0].sizes: the source has no 20x20',
    ],
    [{ rates: [30, 100] }, 'devices[0].rates: the source has no 100 frames per second at 1280x720'],
    [{ fps: 100 }, 'devices[0].fps: the source has no 100 frames per second at 1280x720'],
  ])('names the field that asks for what the source cannot do', (defaults, message) => {
    expect(() => withDefaults(source, defaults, 'devices[0]')).toThrow(message);
  });
});
