// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { CaptureDevice } from '../device/capture/capture-device.ts';
import { DecoderDevice } from '../device/decoder/decoder-device.ts';
import { OutputDevice } from '../device/output/output-device.ts';
import { MediaDriver } from '../driver/media/media-driver.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { mediaTransport } from '../testing/media-transport.ts';
import { SolidSource } from '../testing/solid-source.ts';
import { ToyDecoderFactory } from '../testing/toy-decoder.ts';
import { ToySink } from '../testing/toy-sink.ts';
import { describeDevice } from './describe-device.ts';
import { describeText } from './describe-text.ts';

const clock = new ManualClock();

async function camera(): Promise<MediaDriver> {
  return MediaDriver.attach(
    mediaTransport({
      device: ({ arena, access }) =>
        new CaptureDevice({ source: new SolidSource({ clock, card: 'Front door' }), buffers: arena, access, clock }),
    }),
  );
}

describe('describeDevice', () => {
  it('tells of an output what it takes, and where it goes', async () => {
    const transport = mediaTransport({
      device: ({ arena, access }) => new OutputDevice({ sink: new ToySink(), buffers: arena, access, clock, card: 'Wall' }),
    });
    const device = await describeDevice(await MediaDriver.attach(transport));
    expect(device).toMatchObject({ inputs: [], outputs: [{ index: 0, name: 'Wall' }], currentOutput: 0 });
    expect(device.queues[0]?.formats.map(({ name }) => name)).toEqual(['NV12', 'YUYV', 'GREY']);
    expect(describeText(device)).toContain('Output 0      Wall, ANALOG (current)');
  });

  it('tells what a camera has: formats with sizes and intervals, controls with menus and values', async () => {
    const device = await describeDevice(await camera());
    expect(device.card).toBe('Front door');
    expect(device.inputs).toHaveLength(1);
    const [queue] = device.queues;
    expect(queue?.formats.map((f) => f.name)).toContain('YUYV');
    expect(queue?.formats[0]?.sizes[0]).toMatchObject({ size: { kind: 'discrete', width: 64, height: 48 } });
    expect(queue?.formats[0]?.sizes[0]?.intervals).toHaveLength(2);
    expect(queue?.current).toMatchObject({ width: 64, height: 48 });
    expect(device.controls.find((c) => c.name === 'Brightness')).toMatchObject({ minimum: 0, maximum: 255, value: 128 });
    expect(device.controls.find((c) => c.name === 'Test Pattern')?.menu).toEqual([
      { index: 0, name: 'Solid' },
      { index: 2, name: 'Counting' },
    ]);
    expect(JSON.parse(JSON.stringify(device))).toEqual(device);
  });

  it('leaves nothing behind and changes nothing', async () => {
    const driver = await camera();
    const first = await describeDevice(driver);
    expect(driver.sessions).toBe(0);
    expect(await describeDevice(driver)).toEqual(first);
  });

  it('tells of a decoder both queues', async () => {
    const driver = await MediaDriver.attach(
      mediaTransport({
        device: ({ arena, access }) => new DecoderDevice({ factory: new ToyDecoderFactory({ access }), buffers: arena, clock }),
      }),
    );
    const device = await describeDevice(driver);
    expect(device.queues).toHaveLength(2);
    expect(device.queues[1]?.formats.map((f) => f.name)).toEqual(['TOY1']);
    expect(device.queues[0]?.formats.length).toBeGreaterThan(0);
  });

  it('has a text for people', async () => {
    const text = describeText(await describeDevice(await camera()));
    expect(text).toMatch(/^Card {10}Front door$/m);
    expect(text).toMatch(/Capabilities {2}0x04000001 VIDEO_CAPTURE STREAMING/);
    expect(text).toMatch(/64x48: 1\/60 s \(60 fps\), 1\/30 s \(30 fps\)/);
    expect(text).toMatch(/Brightness: 0x00980900, integer, min 0 max 255 step 1 default 128, value 128/);
    expect(text).toMatch(/Test Pattern: .* "Solid"/);
    // Sizes and rates are told once where they are those of the format above, or of the size above.
    expect(text.match(/^ +64x48/gm)).toHaveLength(1);
    expect(text).toMatch(/^ +128x96$/m);
    expect(text).toMatch(/YUYV.*\n +the same sizes$/m);
    expect(text).not.toMatch(/undefined|NaN/);
  });
});
