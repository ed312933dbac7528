// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { CaptureDevice } from '../device/capture/capture-device.ts';
import { DecoderDevice } from '../device/decoder/decoder-device.ts';
import type { SessionEvents } from '../device/framework/media-device.ts';
import { OutputDevice } from '../device/output/output-device.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { mediaTransport } from '../testing/media-transport.ts';
import { SolidSource } from '../testing/solid-source.ts';
import { ToyDecoderFactory } from '../testing/toy-decoder.ts';
import { ToySink } from '../testing/toy-sink.ts';
import { TOY_FOURCC, toyChunk, toyHeader, toyPicture } from '../testing/toy-stream.ts';
import type { InProcessTransport } from '../virtio-device/in-process-transport.ts';
import type { RingFeatures } from '../virtqueue/ring-layout.ts';
import { Errno } from '../wire/errno.gen.ts';
import type { ConformanceOptions, TestStream } from './check-context.ts';
import { DEVICE_MUST_IDS, UNTESTABLE } from './must-ids.ts';
import { type ConformanceReport, countResults, idResults, reportText } from './report.ts';
import { CHECKS, runConformance } from './suite.ts';

const PAUSE = 10_000;

interface Rig {
  readonly transport: InProcessTransport;
  readonly options: ConformanceOptions;
}

function options(clock: ManualClock, tick: () => void, more: Partial<ConformanceOptions> = {}): ConformanceOptions {
  return {
    clock,
    pause: async () => {
      tick();
      clock.advance(PAUSE);
      for (let i = 0; i < 40; i++) await Promise.resolve();
    },
    pageSize: 65536,
    ...more,
  };
}

interface RigOptions {
  readonly features?: Partial<RingFeatures>;
  readonly sharedBytes?: number;
  readonly planar?: 'single' | 'multi';
}

function camera(o: RigOptions = {}): Rig {
  const clock = new ManualClock();
  const source = new SolidSource({ clock });
  const sessions: SessionEvents[] = [];
  const transport = mediaTransport({
    ...o,
    device: ({ arena, access }) => {
      const device = new CaptureDevice({ source, buffers: arena, access, clock, planar: o.planar ?? 'single' });
      const open = device.open.bind(device);
      device.open = (events) => {
        sessions.push(events);
        return open(events);
      };
      return device;
    },
  });
  return {
    transport,
    options: options(clock, () => void source.tick(), { provokeError: () => sessions.at(-1)?.error(Errno.EIO) }),
  };
}

function output(o: RigOptions = {}): Rig {
  const clock = new ManualClock();
  const transport = mediaTransport({
    ...o,
    device: ({ arena, access }) =>
      new OutputDevice({ sink: new ToySink(1), buffers: arena, access, clock, planar: o.planar ?? 'single' }),
  });
  return { transport, options: options(clock, () => {}) };
}

const STREAM: TestStream = {
  coded: TOY_FOURCC,
  chunks: [
    toyChunk(toyHeader({ width: 64, height: 48, depth: 2 }), toyPicture(0, 'key')),
    ...Array.from({ length: 23 }, (_, i) => toyChunk(toyPicture(i + 1))),
  ],
  pictures: 24,
};

function decoder(o: RigOptions = {}): Rig {
  const clock = new ManualClock();
  const transport = mediaTransport({
    ...o,
    device: ({ arena, access }) => new DecoderDevice({ factory: new ToyDecoderFactory({ access }), buffers: arena, clock }),
  });
  return { transport, options: options(clock, () => {}, { streams: [STREAM] }) };
}

async function run(rig: Rig): Promise<ConformanceReport> {
  const report = await runConformance(rig.transport, rig.options);
  expect(rig.transport.bugs, 'bugs that the device told of').toEqual([]);
  expect(rig.transport.arena.blocks, 'arena blocks that were not given back').toBe(0);
  return report;
}

function failures(report: ConformanceReport): string[] {
  return report.results.filter((r) => r.outcome === 'fail').map((r) => `${r.ids.join(' ')}: ${r.title}: ${r.detail}`);
}

describe('the conformance suite against our own devices', () => {
  const rigs: [string, () => Rig][] = [
    ['a camera', () => camera()],
    ['a multi-planar camera', () => camera({ planar: 'multi' })],
    ['a camera on plain rings', () => camera({ features: { indirect: false, eventIdx: false } })],
    ['a camera without region 0', () => camera({ sharedBytes: 0 })],
    ['an output', () => output()],
    ['an output without region 0', () => output({ sharedBytes: 0 })],
    ['a decoder', () => decoder()],
    ['a decoder without region 0', () => decoder({ sharedBytes: 0 })],
    ['a decoder on plain rings', () => decoder({ features: { indirect: false, eventIdx: false } })],
  ];
  for (const [name, make] of rigs) {
    it(`${name} passes every check`, async () => {
      const report = await run(make());
      expect(failures(report)).toEqual([]);
      expect(countResults(report).pass).toBeGreaterThan(20);
    });
  }

  it('P15: a multi-planar output passes every check but that of the upstream driver, which takes it for a camera', async () => {
    const report = await run(output({ planar: 'multi' }));
    expect(failures(report)).toEqual([expect.stringContaining('P15: device_caps is what the Linux driver can work with')]);
  });

  it('no MUST id is left out: each has a check that ran on one of them', async () => {
    const reports = [await run(camera()), await run(camera({ planar: 'multi' })), await run(decoder())];
    const passed = new Set(
      reports
        .flatMap((r) => idResults(r))
        .filter((r) => r.outcome === 'pass')
        .map((r) => r.id),
    );
    expect(DEVICE_MUST_IDS.filter((id) => !passed.has(id))).toEqual([]);
  });

  it('the report says what was skipped, and why', async () => {
    const { provokeError: _, ...without } = camera().options;
    const rig = camera();
    const report = await runConformance(rig.transport, {
      ...rig.options,
      ...without,
      clock: rig.options.clock,
      pause: rig.options.pause,
    });
    expect(report.results.length).toBe(CHECKS.length);
    expect(reportText(report)).toContain('passed');
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });
});

describe('the tables of the suite', () => {
  it('every MUST id has a check or stands in the table of the untestable', () => {
    const covered = new Set(CHECKS.flatMap((check) => check.ids));
    const excused = new Set(UNTESTABLE.filter((entry) => entry.extent === 'all').map((entry) => entry.id));
    expect(DEVICE_MUST_IDS.filter((id) => !covered.has(id) && !excused.has(id))).toEqual([]);
  });

  it('no check names an id that does not exist', () => {
    const known = new Set([...DEVICE_MUST_IDS, 'DEC']);
    expect(CHECKS.flatMap((check) => check.ids).filter((id) => !known.has(id))).toEqual([]);
  });
});
