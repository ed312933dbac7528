// SPDX-License-Identifier: Apache-2.0
/** The stream alone under each policy: one scenario for each thing in which they differ, and what each user hears. */
import { describe, expect, test } from 'vitest';
import { LARGE, SMALL, StreamRig, streamLayout } from '../testing/stream-rig.ts';
import { toyHeader, toyPicture } from '../testing/toy-stream.ts';
import { type StreamPolicy, V4L2_POLICY, VIDEO_V6_POLICY, VIDEO_V10_LAST_POLICY, VIDEO_V10_POLICY } from './stream-policy.ts';

const KEY = toyPicture(0, 'key');

/** A stream in the middle of small pictures, whose next input has a picture and then larger ones. */
async function changing(policy: StreamPolicy, ...outputs: string[]): Promise<StreamRig> {
  const h = new StreamRig(policy);
  await h.decoding(...outputs);
  h.input('a', KEY, toyHeader(LARGE), KEY);
  return h;
}

/** A stream whose output queue runs, with a buffer that is too small, before the first format is found. */
function starting(policy: StreamPolicy): StreamRig {
  const h = new StreamRig(policy);
  h.stream.startOutput(streamLayout(SMALL));
  h.output('1');
  h.stream.startInput('toy');
  h.input('a', toyHeader(LARGE), KEY);
  return h;
}

/** A stream that drains, with an input queued behind the drain. */
async function draining(policy: StreamPolicy, ...outputs: string[]): Promise<StreamRig> {
  const h = new StreamRig(policy);
  await h.decoding(...outputs);
  h.input('a', KEY);
  h.stream.drain();
  h.input('b', toyPicture(1, 'key'));
  return h;
}

/** A stream whose output queue is stopped and started in a drain, with two pictures still to be handed out. */
async function stoppedInDrain(policy: StreamPolicy): Promise<StreamRig> {
  const h = new StreamRig(policy);
  await h.decoding();
  h.input('a', KEY, toyPicture(1));
  h.stream.drain();
  await h.told();
  await h.stream.stopOutput();
  h.stream.startOutput(streamLayout(SMALL));
  for (const name of '1234') h.output(name);
  return h;
}

/** A stream whose output queue is stopped and started after an input came back whose picture did not. */
async function stoppedBeforePicture(policy: StreamPolicy): Promise<StreamRig> {
  const h = new StreamRig(policy);
  h.stream.startInput('toy');
  h.input('h', toyHeader({ ...SMALL, depth: 1 }));
  await h.told();
  h.stream.startOutput(streamLayout(SMALL));
  h.input('a', KEY);
  expect(await h.told()).toEqual(['in h', 'in a']);
  await h.stream.stopOutput();
  h.stream.startOutput(streamLayout(SMALL));
  for (const name of '1234') h.output(name);
  h.input('b', toyPicture(1));
  h.stream.drain();
  return h;
}

const lasts = (h: StreamRig): string[] => h.outputs.map(({ handle, last }) => `${handle} ${last}`);

describe('what the output queue gets at a change', () => {
  test('V4L2: a LAST buffer, after the change is told; the stream goes on with a resume or a restart', async () => {
    const h = await changing(V4L2_POLICY, '1', '2', '3');
    expect(await h.told()).toEqual(['out 1 a', 'format dynamic 128x96', 'out 2 - last']);
    h.output('4', LARGE);
    await h.stream.stopOutput();
    h.output('5', LARGE);
    h.stream.startOutput(streamLayout(LARGE));
    expect(await h.told()).toEqual(['out 5 a', 'in a']);
  });

  test('V10-D65, V10-D59: without LAST buffers nothing; the queue is blocked and its buffers wait for the resume', async () => {
    const h = await changing(VIDEO_V10_POLICY, '1', '2');
    expect(await h.told()).toEqual(['out 1 a', 'format dynamic 128x96']);
    h.output('3', LARGE);
    expect(await h.told()).toEqual([]);
    expect(h.stream.resume(streamLayout(LARGE))).toBe('ok');
    // What is too small for the new pictures comes back with an error, and the next one is taken.
    expect(await h.told()).toEqual(['out 2 - error', 'out 3 a', 'in a']);
  });

  test('V10-D65: with LAST buffers one that the decoder gives back, and the others wait for the resume', async () => {
    const h = await changing(VIDEO_V10_LAST_POLICY, '1', '2', '3');
    expect(await h.told()).toEqual(['out 1 a', 'out 2 - last', 'format dynamic 128x96']);
    h.output('4', LARGE);
    h.stream.resume(streamLayout(LARGE));
    expect(await h.told()).toEqual(['out 3 - error', 'out 4 a', 'in a']);
  });

  test('V6-I17, V6-D35: every buffer comes back unused, and the stream goes on with the first that is queued again', async () => {
    const h = await changing(VIDEO_V6_POLICY, '1', '2', '3');
    expect(await h.told()).toEqual(['out 1 a', 'out 2 -', 'out 3 -', 'format dynamic 128x96']);
    expect(h.outputs.slice(1).map(({ bytesUsed, error, last }) => ({ bytesUsed, error, last }))).toEqual(
      Array(2).fill({ bytesUsed: [0], error: false, last: 'no' }),
    );
    h.stream.resume(streamLayout(LARGE));
    h.output('4', LARGE);
    expect(await h.told()).toEqual(['out 4 a', 'in a']);
  });
});

describe('what the output queue gets at the first format', () => {
  test('V4L2: a LAST buffer, as at any change', async () => {
    const h = starting(V4L2_POLICY);
    expect(await h.told()).toEqual(['format initial 128x96', 'out 1 - last']);
  });

  for (const policy of [VIDEO_V10_POLICY, VIDEO_V10_LAST_POLICY]) {
    const which = policy === VIDEO_V10_POLICY ? 'without' : 'with';
    test(`V10-I12, V10-I13: nothing ${which} LAST buffers; it is told at once, and blocks the queue`, async () => {
      const h = starting(policy);
      expect(await h.told()).toEqual(['format initial 128x96']);
      expect(h.stream.phase).toEqual({ kind: 'changed', drain: 'no' });
      h.output('2', LARGE);
      h.stream.resume(streamLayout(LARGE));
      expect(await h.told()).toEqual(['out 1 - error', 'out 2 a', 'in a']);
    });

    test(`V10-I13: ${which} LAST buffers one that is as expected is told all the same, and blocks nothing`, async () => {
      const h = starting(policy);
      h.answer = () => streamLayout(LARGE);
      h.output('2', LARGE);
      expect(await h.told()).toEqual(['format initial 128x96', 'out 1 - error', 'out 2 a', 'in a']);
    });
  }

  test('V6-I18: every buffer comes back unused where the format is not the one that was set', async () => {
    const h = starting(VIDEO_V6_POLICY);
    expect(await h.told()).toEqual(['out 1 -', 'format initial 128x96']);
    h.stream.resume(streamLayout(LARGE));
    h.output('2', LARGE);
    expect(await h.told()).toEqual(['out 2 a', 'in a']);
  });
});

describe('when a change is told', () => {
  test('V4L2: at once, also where no buffer can carry LAST; a resume takes the place of LAST', async () => {
    const h = await changing(V4L2_POLICY, '1');
    expect(await h.told()).toEqual(['out 1 a', 'format dynamic 128x96']);
    expect(h.stream.resume(streamLayout(LARGE))).toBe('ok');
  });

  test('V10-I12: without LAST buffers at once, also where no buffer is queued', async () => {
    const h = await changing(VIDEO_V10_POLICY, '1');
    expect(await h.told()).toEqual(['out 1 a', 'format dynamic 128x96']);
  });

  test('V10-I12: with LAST buffers after LAST, which waits for a buffer; a resume before means nothing', async () => {
    const h = await changing(VIDEO_V10_LAST_POLICY, '1');
    expect(await h.told()).toEqual(['out 1 a']);
    expect([h.stream.resume(streamLayout(LARGE)), h.stream.format?.codedWidth]).toEqual(['ignored', SMALL.width]);
    h.output('2');
    expect(await h.told()).toEqual(['out 2 - last', 'format dynamic 128x96']);
    expect([h.stream.resume(streamLayout(LARGE)), h.stream.format?.codedWidth]).toEqual(['ok', LARGE.width]);
  });

  test('V6-O6, V6-D23: after all pictures, and after every buffer that came back', async () => {
    const h = await changing(VIDEO_V6_POLICY);
    expect(await h.told()).toEqual([]);
    for (const name of '123') h.output(name);
    expect(await h.told()).toEqual(['out 1 a', 'out 2 -', 'out 3 -', 'format dynamic 128x96']);
  });
});

describe('how a drain ends', () => {
  test('V4L2: with a LAST buffer; what is queued behind waits for the resume', async () => {
    const h = await draining(V4L2_POLICY, '1', '2', '3');
    expect(await h.told()).toEqual(['out 1 a', 'in a', 'out 2 - last', 'eos']);
    h.stream.resume(streamLayout(SMALL));
    expect(await h.told()).toEqual(['out 3 b', 'in b']);
  });

  test('V4L2: it is told without LAST where no buffer is there', async () => {
    const h = await draining(V4L2_POLICY, '1');
    expect(await h.told()).toEqual(['out 1 a', 'in a', 'eos']);
  });

  test('V10-D32, V10-D33, V10-D34: without LAST buffers after inputs and pictures; the stream goes on with what is behind', async () => {
    const h = await draining(VIDEO_V10_POLICY, '1', '2');
    expect(await h.told()).toEqual(['out 1 a', 'in a', 'eos', 'out 2 b', 'in b']);
  });

  test('V10-I12: with LAST buffers after LAST, which waits for a buffer; then the stream goes on', async () => {
    const h = await draining(VIDEO_V10_LAST_POLICY, '1');
    expect(await h.told()).toEqual(['out 1 a', 'in a']);
    h.output('2');
    expect(await h.told()).toEqual(['out 2 - last', 'eos']);
    h.output('3');
    expect(await h.told()).toEqual(['out 3 b', 'in b']);
  });

  test('V6-D11, V6-I13: after inputs and pictures; the stream goes on with what is behind', async () => {
    const h = await draining(VIDEO_V6_POLICY, '1', '2');
    expect(await h.told()).toEqual(['out 1 a', 'in a', 'eos', 'out 2 b', 'in b']);
  });
});

describe('what a stop of the output queue does to a drain', () => {
  test('V4L2: the drain ends', async () => {
    const h = await stoppedInDrain(V4L2_POLICY);
    expect(await h.told()).toEqual(['out 1 a', 'out 2 a', 'in a']);
    expect(h.stream.phase).toEqual({ kind: 'decoding' });
  });

  test('V10-D35: nothing without LAST buffers, as only a stop of the input or a close cancels a drain', async () => {
    const h = await stoppedInDrain(VIDEO_V10_POLICY);
    expect(await h.told()).toEqual(['out 1 a', 'out 2 a', 'in a', 'eos']);
  });

  test('V10-D35: nothing with LAST buffers', async () => {
    const h = await stoppedInDrain(VIDEO_V10_LAST_POLICY);
    expect(await h.told()).toEqual(['out 1 a', 'out 2 a', 'in a', 'out 3 - last', 'eos']);
  });

  test('V6-D13: nothing, as only STOP and DESTROY interrupt a drain', async () => {
    const h = await stoppedInDrain(VIDEO_V6_POLICY);
    expect(await h.told()).toEqual(['out 1 a', 'out 2 a', 'in a', 'eos']);
  });
});

describe('what a stop of the output queue does to a change', () => {
  for (const [ids, policy] of [
    ['V10-I19', VIDEO_V10_POLICY],
    ['V10-I19, with LAST buffers', VIDEO_V10_LAST_POLICY],
    ['V6-D35', VIDEO_V6_POLICY],
  ] as const) {
    test(`${ids}: nothing; the change still waits for the resume`, async () => {
      const h = await changing(policy, '1', '2');
      await h.told();
      await h.stream.stopOutput();
      h.stream.startOutput(streamLayout(LARGE));
      h.output('3', LARGE);
      expect(await h.told()).toEqual([]);
      h.stream.resume(streamLayout(LARGE));
      // The pictures behind the change were not made when the queue stopped: none is dropped.
      expect(await h.told()).toEqual(['out 3 a', 'in a']);
    });
  }

  test('V10-I12: a LAST buffer that is owed is given after the restart', async () => {
    const h = await changing(VIDEO_V10_LAST_POLICY, '1');
    await h.told();
    await h.stream.stopOutput();
    h.output('2');
    expect(await h.told()).toEqual([]);
    h.stream.startOutput(streamLayout(SMALL));
    expect(await h.told()).toEqual(['out 2 - last', 'format dynamic 128x96']);
  });
});

describe('what a stop of the output queue does to pictures that were not handed out', () => {
  test('V4L2: they come after the next start', async () => {
    const h = await stoppedBeforePicture(V4L2_POLICY);
    expect(await h.told()).toEqual(['out 1 a', 'in b', 'out 2 b', 'out 3 - last', 'eos']);
  });

  test('V10-I20: without LAST buffers they never come, and take no buffer away', async () => {
    const h = await stoppedBeforePicture(VIDEO_V10_POLICY);
    expect(await h.told()).toEqual(['in b', 'out 2 b', 'eos']);
    expect((await takenBack(h)).sort()).toEqual(['1', '3', '4']);
  });

  test('V10-I20: with LAST buffers they never come', async () => {
    const h = await stoppedBeforePicture(VIDEO_V10_LAST_POLICY);
    expect(await h.told()).toEqual(['in b', 'out 2 b', 'out 3 - last', 'eos']);
  });

  test('V6-D30: they come after the next start, as nothing says that they are lost', async () => {
    const h = await stoppedBeforePicture(VIDEO_V6_POLICY);
    expect(await h.told()).toEqual(['out 1 a', 'in b', 'out 2 b', 'eos']);
  });

  /** The buffers that are still queued: a death of the decoder gives them back. */
  async function takenBack(h: StreamRig): Promise<string[]> {
    h.factory.kill();
    return (await h.told()).filter((line) => line.startsWith('out')).map((line) => line.split(' ')[1] ?? '');
  }
});

describe('what a stop of the input queue does to a change', () => {
  test('V4L2: nothing, as it was told', async () => {
    const h = await changing(V4L2_POLICY, '1');
    await h.told();
    await h.stream.stopInput();
    h.output('2');
    expect(await h.told()).toEqual(['out 2 - last']);
  });

  test('V10-I19: nothing without LAST buffers, as it was told: a block ends with the resume alone', async () => {
    const h = await changing(VIDEO_V10_POLICY, '1');
    await h.told();
    await h.stream.stopInput();
    h.stream.startInput('toy');
    h.input('b', KEY);
    h.output('2', LARGE);
    expect(await h.told()).toEqual([]);
    h.stream.resume(streamLayout(LARGE));
    expect(await h.told()).toEqual(['out 2 b', 'in b']);
  });

  test('V10-I19: with LAST buffers it drops a change that waits for its LAST buffer; the next input finds it again', async () => {
    const h = await changing(VIDEO_V10_LAST_POLICY, '1');
    expect(await h.told()).toEqual(['out 1 a']);
    await h.stream.stopInput();
    h.output('2');
    h.stream.startInput('toy');
    expect(await h.told()).toEqual([]);
    expect(h.stream.phase).toEqual({ kind: 'decoding' });
    // V10-D40: the headers survive, so a picture without any is enough.
    h.input('b', KEY);
    expect(await h.told()).toEqual(['out 2 - last', 'format dynamic 128x96']);
    h.output('3', LARGE);
    h.stream.resume(streamLayout(LARGE));
    expect(await h.told()).toEqual(['out 3 b', 'in b']);
  });

  test('V10-I19: with LAST buffers a drain that met the dropped change is cancelled, too', async () => {
    const h = await changing(VIDEO_V10_LAST_POLICY, '1');
    h.stream.drain();
    await h.told();
    await h.stream.stopInput();
    expect(() => h.stream.save()).toThrow('a format that was found is still to be told');
    h.output('2');
    expect(await h.told()).toEqual([]);
  });

  test('V6-D35: nothing, as it was told: the stream goes on with the first buffer that is queued again', async () => {
    const h = await changing(VIDEO_V6_POLICY, '1');
    expect(await h.told()).toEqual(['out 1 a', 'format dynamic 128x96']);
    await h.stream.stopInput();
    h.stream.startInput('toy');
    h.input('b', KEY);
    expect(await h.told()).toEqual([]);
    h.stream.resume(streamLayout(LARGE));
    h.output('2', LARGE);
    expect(await h.told()).toEqual(['out 2 b', 'in b']);
  });
});

describe('why a buffer is the last', () => {
  /** Through a change, and then a drain. */
  async function both(policy: StreamPolicy): Promise<string[]> {
    const h = await changing(policy, '1', '2');
    await h.told();
    h.stream.resume(streamLayout(LARGE));
    h.output('3', LARGE);
    await h.told();
    h.stream.drain();
    h.output('4', LARGE);
    await h.told();
    return lasts(h);
  }

  test('V4L2: it ends a change, or it ends a drain', async () => {
    expect(await both(V4L2_POLICY)).toEqual(['1 no', '2 change', '3 no', '4 drain']);
  });

  test('V10-D65: without LAST buffers none is the last', async () => {
    expect(await both(VIDEO_V10_POLICY)).toEqual(['1 no', '2 no', '3 no']);
  });

  test('V10-D65: with LAST buffers it ends a change, or it ends a drain', async () => {
    expect(await both(VIDEO_V10_LAST_POLICY)).toEqual(['1 no', '2 change', '3 no', '4 drain']);
  });

  test('V6-D11: none is the last, as the answer to the drain says it', async () => {
    expect(await both(VIDEO_V6_POLICY)).toEqual(['1 no', '2 no', '3 no']);
  });
});
