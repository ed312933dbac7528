// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { LARGE, SMALL, StreamRig, settle, streamLayout } from '../testing/stream-rig.ts';
import { toyCrash, toyHeader, toyPicture } from '../testing/toy-stream.ts';

describe('failure and end', () => {
  test('a dead decoder gives every buffer of both queues back with an error, and a stop of the input begins anew', async () => {
    const h = new StreamRig();
    await h.decoding('1', '2');
    h.input('a', toyCrash());
    h.input('b', toyPicture(0, 'key'));
    expect(await h.told()).toEqual([
      'in a bad',
      'in b bad',
      'out 1 - error',
      'out 2 - error',
      'failed: the stream holds a crash unit',
    ]);
    expect(h.input('c')).toBe(false);
    expect(h.output('3')).toBe(false);
    expect(h.stream.startInput('toy')).toBe('failed');
    expect(h.stream.drain()).toBe('failed');
    expect(h.stream.resume(streamLayout(SMALL))).toBe('failed');
    await h.stream.stopOutput();
    expect(h.stream.startOutput(streamLayout(SMALL))).toBe('failed');
    await h.stream.stopInput();
    expect(h.stream.startInput('toy')).toBe('ok');
    expect(h.stream.startOutput(streamLayout(SMALL))).toBe('ok');
    h.answer = () => streamLayout(SMALL);
    h.output('4');
    h.input('d', toyHeader(SMALL), toyPicture(0, 'key'));
    expect(await h.told()).toEqual(['format initial 64x48', 'out 4 d', 'in d']);
    expect(h.factory.made).toBe(2);
  });

  test('a decoder that dies during a stop does not keep the stop waiting', async () => {
    const h = new StreamRig();
    await h.decoding('1');
    h.input('a', toyPicture(0, 'key'));
    const stops = [h.stream.stopInput(), h.stream.stopOutput()];
    h.factory.kill();
    await Promise.all(stops);
    expect(await h.told()).toEqual(['failed: killed']);
    expect(h.stream.startInput('toy')).toBe('ok');
  });

  test('inputs that a seek dropped do not come back when the decoder dies later', async () => {
    const h = new StreamRig();
    await h.decoding();
    h.input('a', toyPicture(0, 'key'));
    h.input('b', toyPicture(1));
    await settle();
    await h.stream.stopInput();
    h.stream.startInput('toy');
    h.input('c', toyCrash());
    expect(await h.told()).toEqual(['in c bad', 'failed: the stream holds a crash unit']);
  });

  test("a format beyond the user's limits has the effects of the decoder's death, and is not told", async () => {
    const h = new StreamRig();
    await h.decoding('1');
    h.answer = () => 'beyond-limits';
    h.input('a', toyHeader(LARGE));
    expect(await h.told()).toEqual([
      'in a bad',
      'out 1 - error',
      "failed: the stream's pictures of 128x96 are beyond the limits",
    ]);
    expect(h.factory.live).toBe(0);
  });

  test('a reset forgets the format but not the output buffers', async () => {
    const h = new StreamRig();
    await h.decoding('1');
    await h.stream.stopInput();
    await h.stream.reset();
    expect([h.stream.phase.kind, h.stream.format, h.factory.live]).toEqual(['idle', undefined, 0]);
    h.answer = () => streamLayout(SMALL);
    h.stream.startInput('toy');
    h.input('a', toyHeader(SMALL), toyPicture(0, 'key'));
    expect(await h.told()).toEqual(['format initial 64x48', 'out 1 a', 'in a']);
  });

  test('a decoder that fails to close is told to whoever waits for that, and to nobody else', async () => {
    const h = new StreamRig();
    const { create } = h.factory;
    h.factory.create = (...given) => {
      const decoder = create.apply(h.factory, given);
      return decoder && Object.assign(decoder, { close: () => Promise.reject(new RangeError('it does not close')) });
    };
    await h.decoding('1');
    await expect(h.stream.close()).rejects.toThrow('it does not close');
    // A rejection that nobody heard would fail this run.
    await new Promise((resolve) => setTimeout(resolve));
    expect(await h.told()).toEqual([]);
  });

  test('after a close nothing is told and nothing is taken', async () => {
    const h = new StreamRig();
    await h.decoding('1');
    h.input('a', toyPicture(0, 'key'));
    await h.stream.close();
    expect(await h.told()).toEqual([]);
    expect([h.input('b'), h.output('2'), h.factory.live]).toEqual([false, false, 0]);
    await h.stream.stopInput();
    await h.stream.stopOutput();
    await h.stream.reset();
    expect(h.stream.phase.kind).toBe('closed');
  });
});
