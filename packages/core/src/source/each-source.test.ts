// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type PictureLayout, pictureLayout } from '../picture/index.ts';
import { NoMemoryError, type SourceControl, type WantedFrames } from '../ports/index.ts';
import { LateControls, ToyCapture, ToyConsumer } from '../testing/index.ts';
import { Errno, V4L2_PIX_FMT_MJPEG } from '../wire/index.ts';
import { ControlLock } from './control-lock.ts';
import { EachSource } from './each-source.ts';
import { fixedControls } from './fixed-controls.ts';
import { SharedSource } from './shared-source.ts';
import { SourceControls } from './source-controls.ts';
import { SourceError } from './source-error.ts';

const LEVEL = 1;
const DECLARED: readonly SourceControl[] = [
  { id: LEVEL, type: 'integer', name: 'Level', minimum: 0, maximum: 9, step: 1, default: 5 },
];
const WANTED: WantedFrames = {
  layout: pictureLayout(V4L2_PIX_FMT_MJPEG, 64, 48) as PictureLayout,
  interval: { numerator: 1, denominator: 30 },
};

/** A camera of which any number of captures can be made, each with controls of its own. */
function camera() {
  const made: ToyCapture[] = [];
  const another = (): ToyCapture => {
    const toy = Object.assign(new ToyCapture(), { controls: new SourceControls(DECLARED), separate: another });
    made.push(toy);
    return toy;
  };
  const shared = new SharedSource(another());
  const push = (which: number): boolean => made[which]?.push(Uint8Array.of(1, 2, 3)) ?? false;
  return { made, shared, push, guest: () => new EachSource(shared, () => shared.separate()) };
}

describe('a source whose guests have controls of their own', () => {
  it('gives all of them the same frames until one sets a control, which nobody else hears of', async () => {
    const { made, shared, push, guest } = camera();
    const [a, b] = [guest(), guest()];
    const heard: string[] = [];
    using _a = a.controls.onChange((_id, value) => heard.push(`a ${value}`));
    using _b = b.controls.onChange((_id, value) => heard.push(`b ${value}`));
    const [ours, theirs] = [new ToyConsumer(), new ToyConsumer()];
    a.start(WANTED, ours);
    b.start(WANTED, theirs);
    expect(a.controls.set(LEVEL, 5)).toBe(0);
    expect([made.length, made[0]?.starts, a.separated]).toEqual([1, 1, false]);
    for (let i = 0; i < 3; i++) push(0);

    expect(a.controls.set(LEVEL, 7)).toBe(0);
    expect([a.controls.get(LEVEL), b.controls.get(LEVEL), shared.controls.get(LEVEL), heard]).toEqual([7, 5, 5, ['a 7']]);
    expect([made.length, made[1]?.controls.get(LEVEL)]).toEqual([2, 7]);
    // Until there is a frame with what was set, those of all are better than none.
    push(0);
    push(1);
    push(0);
    push(1);
    expect([ours.sequences, theirs.sequences]).toEqual([
      [0, 1, 2, 3, 4, 5],
      [0, 1, 2, 3, 4],
    ]);
    expect(a.controls.set(LEVEL, 8)).toBe(0);
    expect([made.length, made[1]?.out, made[0]?.out]).toEqual([2, 0, 0]);
    await a[Symbol.asyncDispose]();
    expect([made[1]?.ended, made[1]?.running, made[0]?.ended, theirs.reasons, ours.reasons]).toEqual([
      true,
      undefined,
      false,
      [],
      [],
    ]);
  });

  it('shares again when all controls are as declared and a stream starts', async () => {
    const { made, push, guest } = camera();
    const own = guest();
    own.controls.set(LEVEL, 1);
    const first = new ToyConsumer();
    const stream = own.start(WANTED, first);
    push(1);
    own.controls.set(LEVEL, 5);
    expect([own.separated, first.sequences]).toEqual([true, [0]]);
    stream[Symbol.dispose]();
    const second = new ToyConsumer();
    own.start(WANTED, second);
    await own[Symbol.asyncDispose]();
    expect([own.separated, made[1]?.ended, made[0]?.starts, made[0]?.running]).toEqual([false, true, 1, undefined]);
  });

  it('goes over when the camera has taken what it was asked, and hears of other ranges before and after', async () => {
    const late = new LateControls(DECLARED);
    const plain = new SourceControls(DECLARED);
    const own = Object.assign(new ToyCapture(), { controls: late });
    const shared = new SharedSource(Object.assign(new ToyCapture(), { controls: plain, separate: () => own }));
    const guest = new EachSource(shared, () => shared.separate());
    const heard: number[] = [];
    using _heard = guest.controls.onChange((_id, value) => heard.push(value));
    plain.change(LEVEL, { maximum: 8 });
    expect([heard, guest.controls.declared[0]?.maximum]).toEqual([[5], 8]);
    guest.start(WANTED, new ToyConsumer());
    const answers = [guest.controls.set(LEVEL, 7), guest.controls.set(LEVEL, 6)];
    late.answer(Errno.EIO);
    expect([await answers[0], own.starts]).toEqual([Errno.EIO, 0]);
    late.answer();
    expect([await answers[1], own.starts, heard]).toEqual([0, 1, [5, 6]]);
    late.camera.change(LEVEL, { minimum: 3 });
    plain.change(LEVEL, { maximum: 7 });
    expect([heard, guest.controls.declared[0]]).toMatchObject([[5, 6, 6], { minimum: 3, maximum: 9 }]);
    await guest[Symbol.asyncDispose]();
  });

  it('goes on with the shared frames where it can have none of its own, and is lost with their capture', async () => {
    const { made, shared, push } = camera();
    const own = new EachSource(shared, () => {
      const source = shared.separate();
      const [, toy] = made;
      if (toy === undefined) expect.unreachable('a capture was made');
      toy.start = () => {
        throw new NoMemoryError('none');
      };
      return source;
    });
    const consumer = new ToyConsumer();
    own.start(WANTED, consumer);
    expect(own.controls.set(LEVEL, 2)).toBe(0);
    push(0);
    expect(consumer.sequences).toEqual([0]);
    made[0]?.vanish('unplugged');
    expect([consumer.reasons, own.presence.kind]).toEqual([['unplugged'], 'lost']);
    expect(() => own.controls.get(99)).toThrow(SourceError);
    await own[Symbol.asyncDispose]();
  });
});

describe('a lock of controls', () => {
  it('is held by the first guest that sets a control, until it lets go; the others may read and listen, and get EBUSY', () => {
    const { shared } = camera();
    const lock = new ControlLock();
    const [ours, theirs] = [lock.guard(shared.controls), lock.guard(shared.controls)];
    const a = { controls: ours, release: () => ours[Symbol.dispose]() };
    const b = { controls: theirs, release: () => theirs[Symbol.dispose]() };
    const heard: number[] = [];
    using _heard = b.controls.onChange((_id, value) => heard.push(value));
    expect(a.controls.set(LEVEL, 3)).toBe(0);
    expect([b.controls.set(LEVEL, 4), b.controls.get(LEVEL), heard]).toEqual([Errno.EBUSY, 3, [5, 3]]);
    expect([ours.declared[0]?.grabbed, theirs.declared[0]?.grabbed]).toEqual([undefined, true]);
    b.release();
    expect(b.controls.set(LEVEL, 4)).toBe(Errno.EBUSY);
    a.release();
    expect(theirs.declared[0]?.grabbed).toBe(undefined);
    expect([b.controls.set(LEVEL, 4), a.controls.set(LEVEL, 5), a.controls.get(LEVEL)]).toEqual([0, Errno.EBUSY, 4]);
  });
});

describe('fixed controls', () => {
  it('are read and heard of, and nobody sets them; buttons are none of them', () => {
    const reset: SourceControl = { ...(DECLARED[0] as SourceControl), id: 2, type: 'button', name: 'Reset' };
    const controls = new SourceControls([...DECLARED, reset]);
    const fixed = fixedControls(controls);
    const heard: number[] = [];
    using _heard = fixed.onChange((_id, value) => heard.push(value));
    expect(fixed.declared).toMatchObject([{ id: LEVEL, readOnly: true }]);
    expect(fixed.declared).toHaveLength(1);
    expect([fixed.set(LEVEL, 3), fixed.get(LEVEL)]).toEqual([Errno.EACCES, 5]);
    controls.set(LEVEL, 3);
    controls.change(LEVEL, { maximum: 7 });
    expect([fixed.get(LEVEL), heard, fixed.declared[0]?.maximum]).toEqual([3, [3, 3], 7]);
  });
});
