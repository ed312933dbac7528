// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import type { BufferMemory, Decoder, DecoderEvents, DecoderFactory } from '../ports/index.ts';
import { LARGE, SMALL, StreamRig, settle, streamLayout } from '../testing/stream-rig.ts';
import { parseToyUnit, toyFiller, toyHeader, toyPicture, toyPlanes } from '../testing/toy-stream.ts';
import { DecoderStream } from './decoder-stream.ts';
import { V4L2_POLICY } from './stream-policy.ts';

describe('initialisation', () => {
  test('the header is found before the output queue runs, and no picture comes before it does', async () => {
    const h = new StreamRig();
    h.input('a', toyHeader(SMALL), toyPicture(0, 'key'));
    expect(await h.told()).toEqual([]);
    expect(h.stream.startInput('toy')).toBe('ok');
    expect(h.stream.startInput('toy')).toBe('ignored');
    expect(await h.told()).toEqual(['format initial 64x48']);
    h.output('1');
    expect(await h.told()).toEqual([]);
    expect(h.stream.startOutput(streamLayout(SMALL))).toBe('ok');
    expect(h.stream.startOutput(streamLayout(SMALL))).toBe('ignored');
    expect(await h.told()).toEqual(['out 1 a', 'in a']);
    expect(h.stream.format?.codedWidth).toBe(64);
  });

  test('a running output queue that holds the format goes on without a stop', async () => {
    const h = new StreamRig();
    h.answer = () => streamLayout(SMALL);
    h.stream.startOutput(streamLayout(SMALL));
    h.output('1');
    h.stream.startInput('toy');
    h.input('a', toyHeader(SMALL), toyPicture(0, 'key'));
    expect(await h.told()).toEqual(['format initial 64x48', 'out 1 a', 'in a']);
  });

  test('a running output queue that does not hold it gets LAST and waits', async () => {
    const h = new StreamRig();
    h.stream.startOutput(streamLayout(SMALL));
    h.output('1');
    h.stream.startInput('toy');
    h.input('a', toyHeader(LARGE), toyPicture(0, 'key'));
    expect(await h.told()).toEqual(['format initial 128x96', 'out 1 - last']);
    expect(h.outputs[0]).toMatchObject({ bytesUsed: [0], last: 'change', error: false });
    h.output('2', LARGE);
    expect(await h.told()).toEqual([]);
    expect(h.stream.resume(streamLayout(LARGE))).toBe('ok');
    expect(await h.told()).toEqual(['out 2 a', 'in a']);
  });

  test('the input that has the header, and those after it, come back when the output queue is set up', async () => {
    // dev-decoder, "Initialization", 4: "it will not be returned to the client, until the initialization sequence completes".
    const h = new StreamRig();
    h.stream.startInput('toy');
    h.input('a', toyFiller());
    h.input('b', toyHeader(SMALL));
    expect(await h.told()).toEqual(['in a', 'format initial 64x48']);
    h.input('c', toyPicture(0, 'key'));
    h.output('1');
    expect(await h.told()).toEqual([]);
    h.stream.startOutput(streamLayout(SMALL));
    expect(await h.told()).toEqual(['in b', 'out 1 c', 'in c']);
  });

  test('the input that has the header comes back at the resume where a running output queue does not hold the format', async () => {
    const h = new StreamRig();
    h.stream.startOutput(streamLayout(SMALL));
    h.output('1');
    h.stream.startInput('toy');
    h.input('a', toyHeader(LARGE));
    expect(await h.told()).toEqual(['format initial 128x96', 'out 1 - last']);
    expect(h.stream.resume(streamLayout(LARGE))).toBe('ok');
    expect(await h.told()).toEqual(['in a']);
  });

  test('a stop of the input frees what was kept, and a death of the decoder returns it with its error set', async () => {
    const h = new StreamRig();
    h.stream.startInput('toy');
    h.input('a', toyHeader(SMALL));
    expect(await h.told()).toEqual(['format initial 64x48']);
    await h.stream.stopInput();
    h.stream.startInput('toy');
    h.input('b', toyFiller());
    h.stream.startOutput(streamLayout(SMALL));
    expect(await h.told()).toEqual(['in b']);

    const dying = new StreamRig();
    dying.stream.startInput('toy');
    dying.input('a', toyHeader(SMALL));
    await settle();
    dying.factory.kill();
    expect(await dying.told()).toEqual(['format initial 64x48', 'in a bad', 'failed: killed']);
  });

  test('chunks without a header come back, and are not an error', async () => {
    const h = new StreamRig();
    h.stream.startInput('toy');
    h.input('a', toyFiller());
    h.input('b');
    h.input('c', new Uint8Array(40));
    expect(await h.told()).toEqual(['in a', 'in b', 'in c bad']);
    expect(h.stream.phase).toEqual({ kind: 'parsing', drain: 'no' });
  });

  test('a stream stays idle where no decoder can be had', async () => {
    const h = new StreamRig();
    const other = h.factory.create('toy', {
      inputDone: () => {},
      format: () => {},
      picture: () => {},
      drained: () => {},
      failed: () => {},
    });
    expect(h.stream.startInput('toy')).toBe('unavailable');
    expect(h.stream.phase).toEqual({ kind: 'idle' });
    await other?.close();
    expect(h.stream.startInput('toy')).toBe('ok');
  });
});

describe('decoding', () => {
  test('pictures come in display order, each with the cookie of its own input', async () => {
    const h = new StreamRig();
    h.input('a', toyHeader({ ...SMALL, depth: 2 }), toyPicture(0, 'key'));
    h.input('b', toyPicture(4));
    h.input('c', toyPicture(2, 'b'));
    h.input('d', toyPicture(1, 'b', true));
    h.stream.startInput('toy');
    await settle();
    h.stream.startOutput(streamLayout(SMALL));
    for (const name of '12345') h.output(name);
    await settle();
    h.stream.drain();
    await settle();
    expect(h.outputs.map((o) => [o.handle, o.cookie, o.type, o.error, o.last, o.sequence])).toEqual([
      ['1', 'a', 'key', false, 'no', 0],
      ['2', 'd', 'b', true, 'no', 1],
      ['3', 'c', 'b', false, 'no', 2],
      ['4', 'b', 'p', false, 'no', 3],
      ['5', undefined, 'unknown', false, 'drain', 4],
    ]);
  });

  test('one input may make several pictures, which all get its cookie', async () => {
    const h = new StreamRig();
    await h.decoding('1', '2', '3');
    h.input('a', toyPicture(0, 'key'), toyPicture(1), toyPicture(2));
    expect(await h.told()).toEqual(['out 1 a', 'out 2 a', 'out 3 a', 'in a']);
  });

  test('the buffer of a picture has the bytes of the picture', async () => {
    const h = new StreamRig();
    await h.decoding();
    const layout = streamLayout(SMALL);
    const length = layout.sizes[0] ?? 0;
    const block = h.arena.allocate(length);
    const memory: BufferMemory = { kind: 'arena', offset: block?.offset ?? 0, length };
    h.stream.queueOutput('1', [memory]);
    h.input('a', toyPicture(77, 'key'));
    await settle();
    const bytes = new Uint8Array(length);
    h.access.read(memory, 0, bytes);
    expect(bytes).toEqual(toyPlanes(layout, 77)[0]);
  });

  test('input waits while there is no picture memory', async () => {
    const h = new StreamRig();
    await h.decoding('1');
    h.input('a', toyPicture(0, 'key'), toyPicture(1));
    h.input('b', toyPicture(2));
    expect(await h.told()).toEqual(['out 1 a']);
    h.output('2');
    expect(await h.told()).toEqual(['out 2 a', 'in a']);
  });

  test('a buffer too small for the layout comes back with an error, and the next one is used', async () => {
    const h = new StreamRig();
    h.stream.startInput('toy');
    h.input('a', toyHeader(LARGE), toyPicture(0, 'key'));
    await settle();
    h.stream.startOutput(streamLayout(LARGE));
    h.output('small', SMALL);
    h.output('large', LARGE);
    expect(await h.told()).toEqual(['format initial 128x96', 'out small - error', 'out large a', 'in a']);
  });
});

describe('drain', () => {
  test('LAST and the end of the drain come after every picture, and input queued meanwhile waits for the resume', async () => {
    const h = new StreamRig();
    await h.decoding('1', '2', '3');
    h.input('a', toyPicture(0, 'key'));
    expect(h.stream.drain()).toBe('ok');
    expect(h.stream.drain()).toBe('busy');
    expect(h.stream.resume(streamLayout(SMALL))).toBe('busy');
    h.input('b', toyPicture(1, 'key'));
    expect(await h.told()).toEqual(['out 1 a', 'in a', 'out 2 - last', 'eos']);
    expect(h.stream.drain()).toBe('ignored');
    expect(h.stream.resume(streamLayout(SMALL))).toBe('ok');
    expect(await h.told()).toEqual(['out 3 b', 'in b']);
    expect(h.stream.resume(streamLayout(SMALL))).toBe('ignored');
  });

  test('LAST waits for a buffer, and the end of the drain does not', async () => {
    const h = new StreamRig();
    await h.decoding('1');
    h.input('a', toyPicture(0, 'key'));
    h.stream.drain();
    expect(await h.told()).toEqual(['out 1 a', 'in a', 'eos']);
    expect(h.stream.drain()).toBe('busy');
    h.output('2');
    expect(await h.told()).toEqual(['out 2 - last']);
    expect(h.stream.phase).toEqual({ kind: 'stopped', known: true });
  });

  test('a drain with a queue off is ignored', async () => {
    const h = new StreamRig();
    expect(h.stream.drain()).toBe('ignored');
    h.stream.startInput('toy');
    expect(h.stream.drain()).toBe('ignored');
    await h.stream.stopInput();
    h.stream.startOutput(streamLayout(SMALL));
    expect(h.stream.drain()).toBe('ignored');
  });

  test('a drain before any header ends too, and the header is looked for afterwards', async () => {
    const h = new StreamRig();
    h.answer = () => streamLayout(SMALL);
    h.stream.startInput('toy');
    h.stream.startOutput(streamLayout(SMALL));
    h.output('1');
    h.input('a', toyFiller());
    h.stream.drain();
    expect(await h.told()).toEqual(['in a', 'out 1 - last', 'eos']);
    h.stream.resume(streamLayout(SMALL));
    h.output('2');
    h.input('b', toyHeader(SMALL), toyPicture(0, 'key'));
    expect(await h.told()).toEqual(['format initial 64x48', 'out 2 b', 'in b']);
  });

  test('stopping the output queue aborts a drain, and pictures not yet delivered come after its restart', async () => {
    const h = new StreamRig();
    await h.decoding();
    h.input('a', toyPicture(0, 'key'), toyPicture(1));
    h.stream.drain();
    await settle();
    await h.stream.stopOutput();
    h.stream.startOutput(streamLayout(SMALL));
    for (const name of '123') h.output(name);
    h.input('b', toyPicture(2, 'key'));
    expect(await h.told()).toEqual(['out 1 a', 'out 2 a', 'in a', 'out 3 b', 'in b']);
    expect(h.outputs.map((o) => o.sequence)).toEqual([0, 1, 2]);
  });

  test('a drain that was aborted does not answer for the next one', async () => {
    const h = new StreamRig();
    await h.decoding();
    h.input('a', toyPicture(0, 'key'));
    h.stream.drain();
    await h.stream.stopOutput();
    h.input('b', toyPicture(1, 'key'));
    h.stream.startOutput(streamLayout(SMALL));
    h.stream.drain();
    for (const name of '1234') h.output(name);
    expect(await h.told()).toEqual(['out 1 a', 'in a', 'out 2 b', 'in b', 'out 3 - last', 'eos']);
  });
});

describe('the decoder it drives', () => {
  test('no target is lent while a recall is under way, and all are again when it is over', async () => {
    const calls: string[] = [];
    const told: { events?: DecoderEvents; recalled?: () => void } = {};
    const decoder: Decoder = {
      decode: ({ id }) => void calls.push(`decode ${id}`),
      setOutput: () => void calls.push('setOutput'),
      supply: ({ id }) => void calls.push(`supply ${id}`),
      drain: () => void calls.push('drain'),
      flush: async () => {},
      recall: () => {
        calls.push('recall');
        return new Promise<void>((resolve) => {
          told.recalled = resolve;
        });
      },
      close: async () => {},
    };
    const factory: DecoderFactory = {
      capabilities: [],
      create: (_codec, events) => {
        told.events = events;
        return decoder;
      },
    };
    const returned: string[] = [];
    const layout = streamLayout(SMALL);
    const stream = new DecoderStream<string, string, string>({
      factory,
      policy: V4L2_POLICY,
      fits: () => layout,
      events: {
        inputReturned: () => {},
        outputReturned: (handle, { last }) => void returned.push(last === 'no' ? handle : `${handle} last`),
        formatChanged: () => {},
        endOfStream: () => {},
        failed: () => {},
      },
    });
    const memory: BufferMemory = { kind: 'arena', offset: 0, length: layout.sizes[0] ?? 0 };
    stream.startInput('toy');
    stream.startOutput(layout);
    stream.queueOutput('1', [memory]);
    const parsed = parseToyUnit(toyHeader(SMALL), 0);
    if (typeof parsed === 'object' && parsed.kind === 'header') told.events?.format(parsed.format);
    stream.drain();
    told.events?.drained();
    expect(calls.splice(0)).toEqual(['setOutput', 'supply 0', 'drain', 'recall']);
    stream.queueOutput('2', [memory]);
    expect(returned).toEqual(['2 last']);
    stream.resume(layout);
    stream.queueOutput('3', [memory]);
    expect(calls).toEqual([]);
    told.recalled?.();
    await settle();
    expect(calls).toEqual(['supply 1', 'supply 2']);
  });
});

describe('seek', () => {
  test('stopping the input queue drops what is queued, without an event, and decoding starts at the next key picture', async () => {
    const h = new StreamRig();
    await h.decoding();
    h.input('a', toyPicture(0, 'key'));
    h.input('b', toyPicture(1));
    await settle();
    await h.stream.stopInput();
    expect(h.stream.input).toBe('off');
    for (const name of '12') h.output(name);
    h.input('c', toyPicture(5));
    h.input('d', toyPicture(6, 'key'));
    expect(await h.told()).toEqual([]);
    h.stream.startInput('toy');
    expect(await h.told()).toEqual(['in c', 'out 1 d', 'in d']);
    expect(h.factory.made).toBe(1);
  });

  test('a seek aborts a drain, while it runs and after it ended', async () => {
    const h = new StreamRig();
    await h.decoding();
    h.input('a', toyPicture(0, 'key'));
    h.stream.drain();
    await h.stream.stopInput();
    h.stream.startInput('toy');
    for (const name of '123') h.output(name);
    h.input('b', toyPicture(1, 'key'));
    expect(await h.told()).toEqual(['out 1 b', 'in b']);
    h.stream.drain();
    expect(await h.told()).toEqual(['out 2 - last', 'eos']);
    await h.stream.stopInput();
    h.stream.startInput('toy');
    h.input('c', toyPicture(2, 'key'));
    expect(await h.told()).toEqual(['out 3 c', 'in c']);
  });

  test('a seek leaves a format change as it stands', async () => {
    const h = new StreamRig();
    await h.decoding();
    h.input('a', toyHeader(LARGE), toyPicture(0, 'key'));
    expect(await h.told()).toEqual(['format dynamic 128x96']);
    await h.stream.stopInput();
    h.output('1');
    expect(await h.told()).toEqual(['out 1 - last']);
    h.stream.startInput('toy');
    h.input('b', toyPicture(0, 'key'));
    h.output('2', LARGE);
    expect(await h.told()).toEqual([]);
    h.stream.resume(streamLayout(LARGE));
    expect(await h.told()).toEqual(['out 2 b', 'in b']);
  });
});

describe('format change', () => {
  test('a change brings the old pictures, the event and LAST in a buffer that the decoder held, and the new pictures after a restart', async () => {
    const h = new StreamRig();
    await h.decoding('1', '2', '3');
    h.input('a', toyPicture(0, 'key'), toyHeader(LARGE), toyPicture(0, 'key'));
    expect(await h.told()).toEqual(['out 1 a', 'format dynamic 128x96', 'out 2 - last']);
    await h.stream.stopOutput();
    expect(h.stream.phase).toEqual({ kind: 'setup', drain: 'no' });
    h.output('4', LARGE);
    h.stream.startOutput(streamLayout(LARGE));
    expect(await h.told()).toEqual(['out 4 a', 'in a']);
  });

  test('a change that the layout holds goes on at once', async () => {
    const h = new StreamRig();
    await h.decoding('1', '2');
    h.answer = () => streamLayout(SMALL);
    h.input('a', toyPicture(0, 'key'), toyHeader({ ...SMALL, minBuffers: 3 }), toyPicture(0, 'key'));
    expect(await h.told()).toEqual(['out 1 a', 'format dynamic 64x48', 'out 2 a', 'in a']);
  });

  test('a resume before LAST could be given takes its place', async () => {
    const h = new StreamRig();
    await h.decoding();
    h.input('a', toyHeader(LARGE), toyPicture(0, 'key'));
    await settle();
    expect(h.stream.resume(streamLayout(LARGE))).toBe('ok');
    h.output('1', LARGE);
    expect(await h.told()).toEqual(['format dynamic 128x96', 'out 1 a', 'in a']);
  });

  test('a drain that meets a change goes on after it', async () => {
    const h = new StreamRig();
    await h.decoding('1', '2');
    h.input('a', toyPicture(0, 'key'), toyHeader(LARGE), toyPicture(0, 'key'));
    h.stream.drain();
    expect(await h.told()).toEqual(['out 1 a', 'format dynamic 128x96', 'out 2 - last']);
    expect(h.stream.drain()).toBe('busy');
    await h.stream.stopOutput();
    h.stream.startOutput(streamLayout(LARGE));
    for (const name of '34') h.output(name, LARGE);
    expect(await h.told()).toEqual(['out 3 a', 'in a', 'out 4 - last', 'eos']);
  });

  test('a drain that is asked for after the change, of input without pictures, ends with the resume', async () => {
    const h = new StreamRig();
    await h.decoding('1');
    h.input('a', toyHeader(LARGE));
    expect(await h.told()).toEqual(['format dynamic 128x96', 'out 1 - last']);
    expect(h.stream.drain()).toBe('ok');
    await settle();
    h.output('2', LARGE);
    h.stream.resume(streamLayout(LARGE));
    expect(await h.told()).toEqual(['in a', 'out 2 - last', 'eos']);
  });
});
