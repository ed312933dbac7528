// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type PictureLayout, pictureLayout } from '../picture/index.ts';
import { NoMemoryError, SourceBusyError, type SourceChange, type WantedFrames } from '../ports/index.ts';
import { ManualClock, ToyCapture, ToyConsumer, ToyConverter, toyModes } from '../testing/index.ts';
import { V4L2_PIX_FMT_GREY, V4L2_PIX_FMT_NV12 } from '../wire/index.ts';
import { NO_CONTROLS } from './no-controls.ts';
import { SharedSource } from './shared-source.ts';
import { SourceError } from './source-error.ts';
import { SteadySource } from './steady-source.ts';
import { FIRST_FRAME_WAIT, NEXT_FRAME_WAIT, TRY_AGAIN } from './steady-stream.ts';

const grey = (width: number, height: number): WantedFrames => ({
  layout: pictureLayout(V4L2_PIX_FMT_GREY, width, height) as PictureLayout,
  interval: { numerator: 1, denominator: 30 },
});
const GREY = grey(64, 48);
const MODES = toyModes([V4L2_PIX_FMT_GREY], [64, 48]);
const EXPECTED = { ...toyModes([V4L2_PIX_FMT_GREY], [64, 48], [128, 96]), card: 'Expected' };
/** Values of the bytes that each toy pushes. */
const [CAMERA, OTHER, SIGN] = [1, 2, 9];

/** A steady source over a camera in the hands of the test, another to go over to, and a stand-in. */
function rig({ absent, converter, fixed = false }: { absent?: string; converter?: ToyConverter; fixed?: boolean } = {}) {
  const clock = new ManualClock();
  const [camera, other, sign] = [new ToyCapture(MODES, absent), new ToyCapture(MODES), new ToyCapture(EXPECTED)];
  const shared = new SharedSource(camera, converter);
  const another = new SharedSource(other, converter);
  const source = new SteadySource(shared, {
    standIn: new SharedSource(sign),
    clock,
    expected: EXPECTED,
    fixed: fixed ? { modes: EXPECTED, controls: NO_CONTROLS } : undefined,
  });
  const changes: SourceChange[] = [];
  source.watch((change) => changes.push(change));
  return {
    clock,
    camera,
    other,
    sign,
    source,
    shared,
    another,
    changes,
    push: (toy: ToyCapture, value: number) => toy.push(new Uint8Array(64 * 48).fill(value)),
    running: () => [camera, other, sign].map((toy) => toy.running !== undefined),
  };
}

/** What came: the value of each frame. */
const values = (consumer: ToyConsumer): number[] =>
  consumer.frames.map(({ planes: [plane] }) => (plane?.kind === 'bytes' ? (plane.bytes[0] ?? -1) : -1));
const times = (consumer: ToyConsumer): number[] => consumer.frames.map(({ timestamp }) => timestamp);
const rising = (list: readonly number[]): boolean => list.every((value, i) => i === 0 || value > (list[i - 1] ?? 0));

describe('a source that stays there', () => {
  it('goes on with the stand-in while its camera is away, and with the camera when that brings a frame again', () => {
    const { source, camera, sign, push, changes, running } = rig();
    const consumer = new ToyConsumer();
    source.start(GREY, consumer);
    for (let i = 0; i < 3; i++) push(camera, CAMERA);
    expect([source.presence, running()]).toEqual([{ kind: 'present' }, [true, false, false]]);
    camera.vanish('unplugged');
    expect([source.presence, running()]).toEqual([{ kind: 'present', noSignal: 'unplugged' }, [false, false, true]]);
    push(sign, SIGN);
    push(sign, SIGN);
    camera.appear();
    expect([source.presence, running()]).toEqual([{ kind: 'present' }, [true, false, true]]);
    push(sign, SIGN);
    push(camera, CAMERA);
    expect(running()).toEqual([true, false, false]);
    push(camera, CAMERA);
    expect(values(consumer)).toEqual([CAMERA, CAMERA, CAMERA, SIGN, SIGN, SIGN, CAMERA, CAMERA]);
    expect(consumer.sequences).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([rising(times(consumer)), consumer.reasons, changes]).toEqual([true, [], ['signal', 'signal']]);
  });

  it('has the modes that are expected until its camera was there once, and the stand-in for its streams', () => {
    const { source, camera, sign, push, changes } = rig({ absent: 'not found yet' });
    expect([source.capabilities.card, source.presence]).toEqual(['Expected', { kind: 'present', noSignal: 'not found yet' }]);
    const consumer = new ToyConsumer();
    source.start(GREY, consumer);
    push(sign, SIGN);
    camera.appear(MODES);
    push(camera, CAMERA);
    expect([source.capabilities.card, values(consumer), changes]).toEqual(['Toy', [SIGN, CAMERA], ['modes']]);
    camera.vanish();
    expect([source.capabilities.card, changes]).toEqual(['Toy', ['modes', 'signal']]);
  });

  it('waits for the first frame of a camera that is there, and shows the stand-in when that takes too long', () => {
    const { source, clock, camera, sign, push, running } = rig();
    const consumer = new ToyConsumer();
    const stream = source.start(GREY, consumer);
    clock.advance(FIRST_FRAME_WAIT - 1);
    expect(running()).toEqual([true, false, false]);
    clock.advance(1);
    expect(running()).toEqual([true, false, true]);
    push(sign, SIGN);
    push(camera, CAMERA);
    expect([values(consumer), running(), clock.pending]).toEqual([[SIGN, CAMERA], [true, false, false], 0]);
    stream[Symbol.dispose]();
    stream[Symbol.dispose]();
    expect([running(), push(camera, CAMERA), consumer.frames.length]).toEqual([[false, false, false], false, 2]);
  });

  it('shows another camera from its first frame on, and the old one until then, for a moment', () => {
    const { source, clock, camera, other, sign, another, shared, push, running, changes } = rig();
    const consumer = new ToyConsumer();
    source.start(GREY, consumer);
    push(camera, CAMERA);
    source.show(another);
    push(camera, CAMERA);
    push(other, OTHER);
    expect([values(consumer), running()]).toEqual([
      [CAMERA, CAMERA, OTHER],
      [false, true, false],
    ]);
    // One that brings no frame: what was shown before is not shown for longer.
    source.show(shared);
    push(other, OTHER);
    clock.advance(NEXT_FRAME_WAIT);
    expect(running()).toEqual([true, false, true]);
    push(sign, SIGN);
    push(camera, CAMERA);
    expect(values(consumer)).toEqual([CAMERA, CAMERA, OTHER, OTHER, SIGN, CAMERA]);
    expect([consumer.sequences, rising(times(consumer)), changes]).toEqual([[0, 1, 2, 3, 4, 5], true, []]);
    expect([running(), clock.pending]).toEqual([[true, false, false], 0]);
  });

  it('is back where it was when another camera is taken back before it brought a frame', () => {
    const { source, clock, camera, another, shared, push, running } = rig();
    const consumer = new ToyConsumer();
    source.start(GREY, consumer);
    source.show(another);
    source.show(shared);
    // It was waiting for a first frame, and has nothing to show yet.
    expect(running()).toEqual([true, false, true]);
    push(camera, CAMERA);
    source.show(another);
    source.show(shared);
    expect([running(), camera.starts, clock.pending]).toEqual([[true, false, false], 1, 0]);
  });

  it('says that there is no signal when the camera that is shown next is away, and watches that one from then on', () => {
    const { source, camera, other, another, sign, push, changes, running } = rig();
    const consumer = new ToyConsumer();
    source.start(GREY, consumer);
    push(camera, CAMERA);
    other.vanish('no cable');
    expect(changes).toEqual([]);
    source.show(another);
    expect([source.presence, running(), changes]).toEqual([
      { kind: 'present', noSignal: 'no cable' },
      [false, false, true],
      ['signal'],
    ]);
    push(sign, SIGN);
    camera.vanish();
    other.appear();
    push(other, OTHER);
    expect([values(consumer), changes]).toEqual([
      [CAMERA, SIGN, OTHER],
      ['signal', 'signal'],
    ]);
  });

  it('keeps the frames of a stream as they are when its camera comes back with others: they are converted', async () => {
    const converter = new ToyConverter();
    const { source, camera, sign, push } = rig({ converter });
    const consumer = new ToyConsumer();
    source.start(GREY, consumer);
    push(camera, CAMERA);
    camera.vanish();
    push(sign, SIGN);
    camera.appear(toyModes([V4L2_PIX_FMT_NV12], [32, 24]));
    expect(camera.running?.wanted.layout).toMatchObject({ fourcc: V4L2_PIX_FMT_NV12, width: 32 });
    camera.push(new Uint8Array(32 * 24 * 1.5).fill(7));
    await converter.make(converter.opened[0]);
    expect([values(consumer), consumer.frames[2]?.planes]).toMatchObject([[CAMERA, SIGN, 7], [{ bytes: { length: 64 * 48 } }]]);
  });

  it('shows the stand-in for frames that cannot be made of those of its camera', () => {
    const { source, camera, push, sign } = rig({ fixed: true });
    const consumer = new ToyConsumer();
    source.start(grey(128, 96), consumer);
    expect([camera.running, sign.running?.wanted.layout.width]).toEqual([undefined, 128]);
    push(sign, SIGN);
    expect(values(consumer)).toEqual([SIGN]);
  });

  it('tries a camera again that is there and whose frames ended, or did not begin', () => {
    const { source, clock, camera, sign, push, running } = rig();
    const consumer = new ToyConsumer();
    source.start(GREY, consumer);
    push(camera, CAMERA);
    camera.running?.sink.ended('its thread died');
    expect(running()).toEqual([false, false, true]);
    const start = camera.start.bind(camera);
    camera.start = () => {
      throw new SourceBusyError('somebody else has it');
    };
    clock.advance(TRY_AGAIN);
    camera.start = () => {
      throw new NoMemoryError('no memory');
    };
    clock.advance(TRY_AGAIN);
    camera.start = start;
    push(sign, SIGN);
    clock.advance(TRY_AGAIN);
    push(camera, CAMERA);
    expect([values(consumer), running(), clock.pending]).toEqual([[CAMERA, SIGN, CAMERA], [true, false, false], 0]);
  });

  it('hands on what a camera answers to a start that nobody can wait for, and ends where nothing stands in', async () => {
    const { source, camera, sign } = rig();
    const start = camera.start.bind(camera);
    camera.start = () => {
      throw new SourceBusyError('somebody else has it');
    };
    expect(() => source.start(GREY, new ToyConsumer())).toThrow(SourceBusyError);
    camera.start = start;
    const [refused, poor] = [new ToyConsumer(), new ToyConsumer()];
    source.start(GREY, refused);
    sign.start = () => {
      throw new SourceError('no such picture can be drawn');
    };
    camera.vanish();
    await Promise.resolve();
    expect(refused.reasons).toEqual(['no such frames can be had: no such picture can be drawn']);
    camera.appear();
    source.start(GREY, poor);
    sign.start = () => {
      throw new NoMemoryError('no memory for it');
    };
    camera.vanish();
    expect(poor.reasons).toEqual(['no memory for it']);
    expect(() => source.start(GREY, new ToyConsumer())).toThrow(NoMemoryError);
  });

  it('ends its streams and its stand-in when it is disposed of, and no camera', async () => {
    const { source, camera, sign, another } = rig();
    const consumer = new ToyConsumer();
    source.start(GREY, consumer);
    await source[Symbol.asyncDispose]();
    await source[Symbol.asyncDispose]();
    source.show(another);
    expect([consumer.reasons, sign.ended, camera.ended, camera.running]).toEqual([
      ['the source was closed'],
      true,
      false,
      undefined,
    ]);
    expect(() => source.separate()).toThrow(SourceError);
  });
});
