// SPDX-License-Identifier: Apache-2.0
/** A stream that was saved and restored, beside one that was left alone: its user hears the same from both. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NotIdleError } from '../base/index.ts';
import type { PictureLayout } from '../picture/index.ts';
import { complaint, mutations } from '../testing/mutations.ts';
import { LARGE, SMALL, StreamRig, settle, streamLayout } from '../testing/stream-rig.ts';
import { toyCrash, toyFiller, toyHeader, toyPicture } from '../testing/toy-stream.ts';

type Action =
  | { readonly kind: 'input'; readonly what: 'full' | 'p' | 'filler' | 'crash'; readonly large: boolean; readonly depth: number }
  | { readonly kind: 'startOutput'; readonly fits: boolean }
  | { readonly kind: 'startInput' | 'stopInput' | 'stopOutput' | 'output' | 'drain' | 'resume' | 'reset' | 'seek' | 'move' };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('input' as const),
      what: fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom('full' as const, 'full' as const, 'p' as const, 'filler' as const) },
        { weight: 1, arbitrary: fc.constant('crash' as const) },
      ),
      large: fc.boolean(),
      depth: fc.nat(1),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('startOutput' as const), fits: fc.boolean() }) },
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        ...([
          'startInput',
          'startInput',
          'stopInput',
          'stopOutput',
          'output',
          'output',
          'output',
          'drain',
          'drain',
          'resume',
        ] as const),
        ...(['reset', 'seek', 'seek', 'move', 'move', 'move'] as const),
      ),
    }),
  },
);

const full = { kind: 'input', what: 'full', large: true, depth: 0 } as const;
const begin: readonly Action[] = [{ kind: 'startOutput', fits: true }, { kind: 'startInput' }, full, { kind: 'resume' }];
const pictures: readonly Action[] = [{ kind: 'output' }, { kind: 'output' }, { kind: 'output' }, { kind: 'output' }];
const seek: readonly Action[] = [...begin, ...pictures, { kind: 'seek' }];
const move: Action = { kind: 'move' };
/** From a fresh stream to each phase in which one can rest: chance alone seldom leads to some of them. */
const WAYS: Readonly<Record<string, readonly Action[]>> = {
  idle: [move],
  parsing: [{ kind: 'startInput' }, move],
  setup: [...seek, move],
  changing: [...seek, { kind: 'startOutput', fits: false }, move],
  changed: [...seek, { kind: 'startOutput', fits: false }, { kind: 'output' }, move],
  decoding: [...seek, { kind: 'startOutput', fits: true }, move],
  ending: [...begin, ...pictures.slice(1), { kind: 'drain' }, move],
  stopped: [...begin, ...pictures, { kind: 'drain' }, move],
  failed: [...begin, { ...full, what: 'crash' }, ...pictures, move],
};

/** A stream, and a user of it who keeps what the stream does not. */
class World {
  rig: StreamRig;
  readonly #keeps: boolean;
  #layout: PictureLayout | undefined;
  #names = 0;
  /** nothing but a point where decoding can begin may be queued */
  #cold = false;

  constructor(keeps: boolean) {
    this.#keeps = keeps;
    this.rig = this.#make();
  }

  /** Does it; what the user saw. */
  async step(one: Action): Promise<unknown> {
    const result = await this.#do(one);
    return [result, await this.rig.told(), this.rig.outputs.splice(0), this.rig.stream.phase, this.rig.stream.input];
  }

  /** Where the stream can be saved now: its phase. */
  get idle(): string | undefined {
    try {
      return this.rig.stream.save().phase.kind;
    } catch (error) {
      if (!(error instanceof NotIdleError)) throw error;
      return undefined;
    }
  }

  /** Goes on with a stream that knows only what was saved, and what its user knows. */
  move(): void {
    const { stream } = this.rig;
    const state: unknown = JSON.parse(JSON.stringify(stream.save()));
    expect(state).toEqual(structuredClone(stream.save()));
    this.rig = this.#make();
    this.rig.stream.restore(state, structuredClone(stream.format), this.#layout);
    expect(this.rig.stream.save()).toEqual(state);
  }

  async #do(one: Action): Promise<unknown> {
    const { stream } = this.rig;
    switch (one.kind) {
      case 'input':
        return this.#input(this.#cold ? 'full' : one.what, one.large, one.depth);
      case 'output':
        return this.rig.output(`o${this.#names++}`, LARGE);
      case 'startInput':
        return stream.startInput('toy');
      case 'startOutput': {
        const layout = streamLayout(one.fits ? LARGE : SMALL);
        const result = stream.startOutput(layout, one.fits || stream.format?.codedWidth !== LARGE.width);
        if (result === 'ok') this.#layout = layout;
        return result;
      }
      case 'resume': {
        const layout = streamLayout(LARGE);
        const result = stream.resume(layout);
        if (result === 'ok') this.#layout = layout;
        return result;
      }
      case 'drain':
        return stream.drain();
      case 'stopInput':
        this.#cold = true;
        return stream.stopInput();
      case 'stopOutput':
        return stream.stopOutput();
      case 'reset':
        if (stream.input !== 'off') return undefined;
        this.#cold = true;
        return stream.reset();
      case 'seek':
        this.#cold = true;
        await Promise.all([stream.stopInput(), stream.stopOutput()]);
        return stream.startInput('toy');
      case 'move':
        if (this.idle !== undefined) this.#cold = true;
        return this.idle;
    }
  }

  #input(what: 'full' | 'p' | 'filler' | 'crash', large: boolean, depth: number): unknown {
    const name = `i${this.#names++}`;
    this.#cold = false;
    if (what === 'full') {
      const header = toyHeader({ ...(large ? LARGE : SMALL), depth });
      return this.rig.input(name, header, toyPicture(0, 'key'), toyPicture(2), toyPicture(1, 'b'));
    }
    return this.rig.input(name, what === 'p' ? toyPicture(3) : what === 'crash' ? toyCrash() : toyFiller());
  }

  #make(): StreamRig {
    const rig = new StreamRig();
    rig.answer = ({ codedWidth, codedHeight }) => {
      if (!this.#keeps) return undefined;
      this.#layout = streamLayout({ width: codedWidth, height: codedHeight });
      return this.#layout;
    };
    return rig;
  }
}

describe('a stream that is saved and restored', () => {
  test('goes on as if nothing had happened: buffers, formats, ends, phases, answers', async () => {
    const phases = new Map<string, number>();
    const way = fc.constantFrom(...Object.values(WAYS));
    await fc.assert(
      fc.asyncProperty(
        way,
        fc.boolean(),
        fc.array(action, { minLength: 15, maxLength: 50, size: 'max' }),
        async (first, keeps, actions) => {
          const left = new World(keeps);
          const moved = new World(keeps);
          for (const one of [...first, ...actions]) {
            expect(await moved.step(one)).toEqual(await left.step(one));
            const { idle } = moved;
            if (one.kind !== 'move' || idle === undefined) continue;
            moved.move();
            phases.set(idle, (phases.get(idle) ?? 0) + 1);
          }
        },
      ),
      { numRuns: 100 },
    );
    // Each phase in which a stream can rest was gone through.
    expect(Object.keys(WAYS).filter((kind) => !phases.has(kind))).toEqual([]);
  });

  test('is not saved while it has buffers, a drain, or a decoder with data of the stream', async () => {
    const h = new StreamRig();
    const refused = (why: string): void => expect(() => h.stream.save()).toThrow(new NotIdleError(why));
    h.input('a', toyHeader(SMALL), toyPicture(0, 'key'));
    refused('1 inputs are queued');
    h.stream.startInput('toy');
    await settle();
    h.stream.startOutput(streamLayout(SMALL));
    h.output('1');
    h.output('2');
    await settle();
    refused('1 output buffers are queued');
    const stopping = h.stream.stopOutput();
    refused('the output queue is stopping');
    await stopping;
    refused('the codec has data of the stream: stop its input, or drain it');
    h.stream.startOutput(streamLayout(SMALL));
    h.stream.drain();
    refused('a drain is under way');
    await settle();
    expect(h.stream.save()).toMatchObject({ phase: { kind: 'ending' }, end: 'told' });
    const seeking = h.stream.stopInput();
    refused('the input queue is stopping');
    await seeking;
    expect(h.stream.save()).toMatchObject({ phase: { kind: 'decoding' }, input: 'off', output: 'on' });
    const other = new StreamRig();
    other.stream.startInput('toy');
    other.input('a', toyHeader(SMALL));
    await settle();
    await other.stream.stopInput();
    expect(() => other.stream.save()).toThrow(new NotIdleError('the decoder waits for the layout of the format that it found'));
    h.factory.kill();
    refused('a codec is giving buffers back');
    await settle();
    expect(h.stream.save().phase).toEqual({ kind: 'failed', reason: 'killed' });
  });

  test('tells a format that is another than before, and only that', async () => {
    for (const size of [SMALL, LARGE]) {
      const old = new StreamRig();
      await old.decoding();
      await old.stream.stopInput();
      const h = new StreamRig();
      h.stream.restore(old.stream.save(), old.stream.format, streamLayout(SMALL));
      h.stream.startInput('toy');
      h.output('1', LARGE);
      h.input('a', toyHeader(size), toyPicture(0, 'key'));
      expect(await h.told()).toEqual(size === SMALL ? ['out 1 a', 'in a'] : ['format dynamic 128x96', 'out 1 - last']);
    }
  });

  test('is refused by name where a field is wrong, and the stream that refused it is as new', async () => {
    const old = new StreamRig();
    await old.decoding();
    old.stream.drain();
    await settle();
    const state = old.stream.save();
    const { format } = old.stream;
    const layout = streamLayout(SMALL);
    const h = new StreamRig();
    const asNew = h.stream.save();
    const all = mutations(state);
    expect(all.length).toBeGreaterThan(50);
    expect(
      all.map((mutation) => complaint(mutation, (wrong) => h.stream.restore(wrong, format, layout))).filter(Boolean),
    ).toEqual([]);
    const wrong = (more: object) => () => h.stream.restore({ ...state, ...more }, format, layout);
    expect(wrong({ phase: { kind: 'draining' } })).toThrow(/stream.phase.kind is "draining": it must be one of idle/);
    expect(wrong({ phase: { kind: 'setup', drain: 'asked' } })).toThrow(/stream.phase.drain is "asked"/);
    expect(wrong({ phase: { kind: 'idle' } })).toThrow('stream.phase is an object: it must be one with a format');
    expect(wrong({ phase: { kind: 'decoding' }, end: 'untold' })).toThrow('stream.end is "untold": it must be told unless');
    expect(wrong({ codec: 'h264' })).toThrow('stream.codec is "h264": it must be one of toy');
    expect(wrong({ codec: null })).toThrow(/stream.codec is null/);
    expect(() => h.stream.restore(state, undefined, layout)).toThrow(/stream.phase .* without a format/);
    expect(() => h.stream.restore(state, format, undefined)).toThrow(/stream.phase .* no layout is given/);
    const idle = { ...asNew, codec: 'toy' };
    expect(() => h.stream.restore(idle, undefined, undefined)).toThrow(
      /stream.codec is "toy": it must be null in the phase idle/,
    );
    expect([h.stream.save(), h.factory.made]).toEqual([asNew, 0]);
    expect(() => old.stream.restore(state, format, layout)).toThrow(/in use \(ending\)/);
    const none = { inputDone: () => {}, format: () => {}, picture: () => {}, drained: () => {}, failed: () => {} };
    h.factory.create('toy', none);
    expect(() => h.stream.restore(state, format, layout)).toThrow(/a codec for which a decoder can be had now/);
    expect(h.stream.save()).toEqual(asNew);
  });
});
