// SPDX-License-Identifier: Apache-2.0
/** Clients that do anything at any time: every QBUF has one end, no picture is wrong, and nothing stalls. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type DriverSession, IoctlError } from '../../driver/index.ts';
import { type ToyClient, ToyGuest, toyChunk, toyCrash, toyFiller, toyHeader, toyPicture } from '../../testing/index.ts';
import {
  Errno,
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_FLAG_LAST,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_DEC_CMD_START,
  V4L2_DEC_CMD_STOP,
} from '../../wire/index.ts';

const OUTPUT = V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE;
const CAPTURE = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
const BUFFERS = 3;

type Op =
  | {
      readonly kind: 'send';
      readonly index: number;
      readonly what: 'header' | 'other-header' | 'key' | 'p' | 'filler' | 'garbage' | 'crash';
    }
  | { readonly kind: 'supply'; readonly index: number }
  | { readonly kind: 'on' | 'off'; readonly type: number }
  | { readonly kind: 'start' | 'stop' | 'rest' | 'breathe' | 'set-up' };

const index = fc.integer({ min: 0, max: BUFFERS - 1 });
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      index,
      what: fc.constantFrom(
        'header',
        'key',
        'key',
        'p',
        'p',
        'p',
        'filler',
        'garbage',
        'other-header',
        'crash',
      ) as fc.Arbitrary<'key'>,
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('supply' as const), index }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('on' as const), type: fc.constantFrom(OUTPUT, CAPTURE) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('off' as const), type: fc.constantFrom(OUTPUT, CAPTURE) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('start', 'stop', 'rest', 'breathe', 'set-up' as const) }) as fc.Arbitrary<Op>,
  },
);

/** A client with books of its own: which buffers the device has. */
class Model {
  readonly queued = new Map<number, Set<number>>([
    [OUTPUT, new Set()],
    [CAPTURE, new Set()],
  ]);
  readonly on = new Set<number>();
  readonly guest: ToyGuest;
  readonly client: ToyClient;
  readonly session: DriverSession;
  #number = 0;

  constructor(guest: ToyGuest, client: ToyClient) {
    this.guest = guest;
    this.client = client;
    this.session = client.session;
  }

  has(type: number): Set<number> {
    return this.queued.get(type) ?? new Set();
  }

  /** Takes every event that is there and settles the books. */
  collect(): void {
    for (const { index: back, number, stamp, flags } of this.client.shown()) {
      expect(this.has(CAPTURE).delete(back), `picture buffer ${back} came back although it was not queued`).toBe(true);
      const empty = (flags & (V4L2_BUF_FLAG_LAST | V4L2_BUF_FLAG_ERROR)) !== 0;
      if (!empty) expect(number, `the picture in buffer ${back} is whole`).toBeDefined();
      if (number !== undefined) expect(stamp, 'a picture has the timestamp of its own coded buffer').toBe(number);
    }
    for (const { index: back } of this.client.returned()) {
      expect(this.has(OUTPUT).delete(back), `coded buffer ${back} came back although it was not queued`).toBe(true);
    }
  }

  async apply(what: Op): Promise<void> {
    switch (what.kind) {
      case 'send': {
        if (this.has(OUTPUT).has(what.index)) return;
        const number = this.#number++;
        await this.#queue(OUTPUT, what.index, () => this.client.send(what.index, this.#bytes(what.what, number), number));
        return;
      }
      case 'supply':
        if (this.has(CAPTURE).has(what.index)) return;
        await this.#queue(CAPTURE, what.index, () => this.client.raw?.queue(what.index) ?? Promise.resolve());
        return;
      case 'on':
        if (await this.#allowed(this.session.streamon(what.type), Errno.EIO)) this.on.add(what.type);
        return;
      case 'off':
        await this.session.streamoff(what.type);
        this.on.delete(what.type);
        this.#forget(what.type);
        return;
      case 'start':
      case 'stop': {
        const cmd = what.kind === 'start' ? V4L2_DEC_CMD_START : V4L2_DEC_CMD_STOP;
        await this.#allowed(this.session.decoderCmd(cmd), Errno.EBUSY, Errno.EIO);
        return;
      }
      case 'set-up':
        await this.setUpCapture();
        return;
      case 'breathe':
        for (let i = 0; i < 7; i++) await Promise.resolve();
        return;
      case 'rest':
        await this.guest.rest();
    }
  }

  /** New buffers of the present format. */
  async setUpCapture(): Promise<void> {
    await this.session.streamoff(CAPTURE);
    this.on.delete(CAPTURE);
    this.#forget(CAPTURE);
    await this.client.raw?.release();
    this.client.raw = undefined;
    await this.client.startCapture({ count: BUFFERS }).catch((error: unknown) => {
      if (!(error instanceof IoctlError) || error.errno !== Errno.EIO) throw error;
    });
    // STREAMON may have been refused; the buffers are queued all the same.
    for (let i = 0; i < this.#rawCount(); i++) this.has(CAPTURE).add(i);
  }

  #rawCount(): number {
    return this.client.raw?.count ?? 0;
  }

  #forget(type: number): void {
    // What came back before the STREAMOFF was answered is not looked at any more.
    this.client.events();
    this.has(type).clear();
  }

  async #queue(type: number, at: number, run: () => Promise<unknown>): Promise<void> {
    this.has(type).add(at);
    if (!(await this.#allowed(run(), Errno.EIO))) this.has(type).delete(at);
  }

  async #allowed(call: Promise<unknown>, ...errnos: number[]): Promise<boolean> {
    try {
      await call;
      return true;
    } catch (error) {
      if (!(error instanceof IoctlError) || !errnos.includes(error.errno)) throw error;
      return false;
    }
  }

  #bytes(what: string, number: number): Uint8Array {
    switch (what) {
      case 'header':
        return toyChunk(toyHeader({ depth: 1 }), toyPicture(number, 'key'));
      case 'other-header':
        return toyChunk(toyHeader({ width: 32, height: 32 }), toyPicture(number, 'key'));
      case 'key':
      case 'p':
        return toyPicture(number, what);
      case 'crash':
        return toyCrash();
      case 'garbage':
        return new Uint8Array(33).fill(number);
      default:
        return toyFiller();
    }
  }
}

test('P8, VM-DX10: each QBUF has one DQBUF, pictures are right, and the session works again, whatever a client does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(op, { minLength: 5, maxLength: 80 }), async (ops) => {
      const guest = await ToyGuest.start();
      const client = await guest.open();
      const model = new Model(guest, client);
      await client.startOutput({ count: BUFFERS, width: 64, height: 48 });
      model.on.add(OUTPUT);
      await model.setUpCapture();
      for (const each of ops) {
        await model.apply(each);
        model.collect();
      }
      await guest.rest();
      model.collect();

      // From wherever that led: stop, set up, decode three pictures, drain to LAST.
      await session(model).streamoff(OUTPUT);
      model.has(OUTPUT).clear();
      await model.setUpCapture();
      await session(model).streamon(OUTPUT);
      await session(model).streamon(CAPTURE);
      await client.send(0, toyChunk(toyHeader({ width: 48, height: 48 }), toyPicture(900_000, 'key')), 900_000);
      await guest.rest();
      await model.setUpCapture();
      await client.send(1, toyPicture(900_001), 900_001);
      await session(model).decoderCmd(V4L2_DEC_CMD_STOP);
      await guest.rest();
      const shown = client.shown();
      expect(shown.map(({ number }) => number)).toEqual([900_000, 900_001, undefined]);
      expect((shown[2]?.flags ?? 0) & V4L2_BUF_FLAG_LAST).not.toBe(0);
      expect(client.returned().map(({ index: back }) => back)).toEqual([0, 1]);
      await client.session.close();
      await guest.rest();
      expect(guest.transport.bugs).toEqual([]);
      expect([guest.factory.live, guest.device.sessions]).toEqual([0, 0]);
      await guest.close();
    }),
    { numRuns: 150 },
  );
});

function session(model: Model): DriverSession {
  return model.session;
}
