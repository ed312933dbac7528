// SPDX-License-Identifier: Apache-2.0
/** Whatever a user does under whatever policy: each buffer comes back once, and the stream works again afterwards. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LARGE, SMALL, StreamRig, streamLayout } from '../testing/stream-rig.ts';
import { toyCrash, toyHeader, toyPicture } from '../testing/toy-stream.ts';
import { type StreamPolicy, V4L2_POLICY, VIDEO_V6_POLICY, VIDEO_V10_LAST_POLICY, VIDEO_V10_POLICY } from './stream-policy.ts';

const POLICIES = { V4L2_POLICY, VIDEO_V10_POLICY, VIDEO_V10_LAST_POLICY, VIDEO_V6_POLICY };
const HEADERS = { small: toyHeader(SMALL), large: toyHeader({ ...LARGE, depth: 1 }) };

type Step =
  | { readonly kind: 'input'; readonly what: 'small' | 'large' | 'picture' | 'crash' }
  | { readonly kind: 'outputs' | 'drain' | 'resume' | 'seek' | 'restart' | 'settle' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('input' as const),
      what: fc.constantFrom('small' as const, 'large' as const, 'large' as const, 'picture' as const, 'picture' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('input' as const), what: fc.constant('crash' as const) }) },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constantFrom('outputs', 'outputs', 'drain', 'resume', 'seek', 'restart', 'settle', 'settle'),
    }) as fc.Arbitrary<Step>,
  },
);

/** A user who starts both queues, and remembers which buffers are queued. */
class User {
  readonly h: StreamRig;
  readonly queued = new Set<string>();
  #names = 0;

  constructor(policy: StreamPolicy) {
    this.h = new StreamRig(policy);
    this.h.stream.startOutput(streamLayout(LARGE));
    this.h.stream.startInput('toy');
  }

  async do(one: Step): Promise<void> {
    const { stream } = this.h;
    switch (one.kind) {
      case 'input': {
        const key = toyPicture(0, 'key');
        const unit = one.what === 'picture' ? [toyPicture(1)] : one.what === 'crash' ? [toyCrash()] : [HEADERS[one.what], key];
        return this.input(...unit);
      }
      case 'outputs':
        for (let i = 0; i < 2; i++) this.output();
        return;
      case 'drain':
        stream.drain();
        return;
      case 'resume':
        stream.resume(streamLayout(LARGE));
        return;
      case 'seek':
        await stream.stopInput();
        this.#free('i');
        stream.startInput('toy');
        return;
      case 'restart':
        await stream.stopOutput();
        this.#free('o');
        stream.startOutput(streamLayout(LARGE));
        return;
      case 'settle':
        await this.look();
    }
  }

  input(...units: Uint8Array[]): void {
    const name = `i${this.#names++}`;
    if (this.h.input(name, ...units)) this.queued.add(name);
  }

  output(): void {
    const name = `o${this.#names++}`;
    if (this.h.output(name, LARGE)) this.queued.add(name);
  }

  /** What was told; each buffer in it was queued, and is not any more. */
  async look(): Promise<string[]> {
    return (await this.h.told()).map((line) => this.#heard(line));
  }

  #heard(line: string): string {
    const [kind, name = ''] = line.split(' ');
    if (kind === 'in' || kind === 'out') expect(this.queued.delete(name), line).toBe(true);
    return line;
  }

  /** A stop frees the buffers of its queue, after those that were told before it. */
  #free(queue: 'i' | 'o'): void {
    for (const line of this.h.log.splice(0)) this.#heard(line);
    for (const name of this.queued) if (name.startsWith(queue)) this.queued.delete(name);
  }
}

for (const [name, policy] of Object.entries(POLICIES)) {
  test(`${name}: each buffer comes back once, and a stream that is stopped and resumed shows its next picture`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
        const user = new User(policy);
        for (const one of steps) await user.do(one);
        const { stream } = user.h;
        await user.do({ kind: 'seek' });
        await user.do({ kind: 'restart' });
        expect([...user.queued]).toEqual([]);
        for (let i = 0; i < 4; i++) user.output();
        user.input(HEADERS.small, toyPicture(0, 'key'), toyPicture(1));
        // What was changed or dropped on the way may be told once more, and again for the small format.
        const shown: string[] = [];
        for (let i = 0; i < 3; i++) {
          shown.push(...(await user.look()));
          stream.resume(streamLayout(LARGE));
          for (let j = 0; j < 4; j++) user.output();
        }
        shown.push(...(await user.look()));
        expect(shown.filter((line) => /^out o\d+ i\d+$/.test(line))).toHaveLength(2);
        // None is lost: what is still queued comes back when the decoder dies.
        user.h.factory.kill();
        await user.look();
        expect([...user.queued]).toEqual([]);
        expect(user.h.factory.live).toBe(0);
      }),
      { numRuns: 150 },
    );
  });
}
