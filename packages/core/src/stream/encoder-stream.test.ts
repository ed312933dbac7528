// SPDX-License-Identifier: Apache-2.0
/** An encoder's stream alone: which phases follow which, and what becomes of buffers when its encoder dies or cannot be had. */
import { describe, expect, it } from 'vitest';
import type { BufferMemory, Encoder, EncoderEvents, RawInput } from '../ports/index.ts';
import { type EncoderEdge, type EncoderPhase, nextEncoderPhase } from './encoder-phase.ts';
import { EncoderStream } from './encoder-stream.ts';

const MEMORY: BufferMemory = { kind: 'arena', offset: 0, length: 64 };

/** An encoder that does what the test tells it to. */
class HeldEncoder implements Encoder {
  readonly inputs: RawInput[] = [];
  readonly targets: number[] = [];
  drains = 0;
  readonly events: EncoderEvents;

  constructor(events: EncoderEvents) {
    this.events = events;
  }

  encode(input: RawInput): void {
    this.inputs.push(input);
  }

  supply({ id }: { readonly id: number }): void {
    this.targets.push(id);
  }

  drain(): void {
    this.drains++;
  }

  async flush(): Promise<void> {
    this.inputs.length = 0;
  }

  async recall(): Promise<void> {
    this.targets.length = 0;
  }

  async close(): Promise<void> {}
}

function rig() {
  const log: string[] = [];
  const made: HeldEncoder[] = [];
  const o = { available: true };
  const stream = new EncoderStream<string, string, string>({
    codec: () => 'toy',
    create: (events) => {
      if (!o.available) return undefined;
      made.push(new HeldEncoder(events));
      return made.at(-1);
    },
    events: {
      inputReturned: (handle, ok) => log.push(`in ${handle}${ok ? '' : ' bad'}`),
      outputReturned: (handle, { cookie, error, last, bytesUsed }) =>
        log.push(`out ${handle} ${cookie ?? '-'} ${bytesUsed[0]}${error ? ' error' : ''}${last === 'no' ? '' : ' last'}`),
      endOfStream: () => log.push('eos'),
      failed: (reason) => log.push(`failed: ${reason}`),
    },
  });
  const encoder = (): HeldEncoder => made.at(-1) as HeldEncoder;
  return { stream, log, made, encoder, o };
}

describe('the phases of an encoder', () => {
  const EDGES: readonly EncoderEdge[] = [
    'begin',
    'drain',
    'drained',
    'last-given',
    'resume',
    'stop-input',
    'stop-output',
    'fail',
    'close',
  ];
  /** Every edge that leads somewhere. Whatever is not in here leaves the phase as it is. */
  const LEADS: Readonly<Record<EncoderPhase, Readonly<Partial<Record<EncoderEdge, EncoderPhase>>>>> = {
    idle: { begin: 'encoding', fail: 'failed', close: 'closed' },
    encoding: { drain: 'draining', 'stop-output': 'idle', fail: 'failed', close: 'closed' },
    draining: { drained: 'ending', 'stop-input': 'encoding', 'stop-output': 'idle', fail: 'failed', close: 'closed' },
    ending: { 'last-given': 'stopped', 'stop-input': 'encoding', 'stop-output': 'idle', fail: 'failed', close: 'closed' },
    stopped: { resume: 'encoding', 'stop-input': 'encoding', 'stop-output': 'idle', fail: 'failed', close: 'closed' },
    failed: { 'stop-input': 'idle', 'stop-output': 'idle', close: 'closed' },
    closed: {},
  };
  for (const [phase, leads] of Object.entries(LEADS) as [EncoderPhase, (typeof LEADS)[EncoderPhase]][]) {
    it(`lead out of ${phase} only by ${Object.keys(leads).join(', ') || 'nothing'}`, () => {
      for (const edge of EDGES) expect([edge, nextEncoderPhase(phase, edge)]).toEqual([edge, leads[edge] ?? phase]);
    });
  }
});

describe('an encoder that is not to be had, or dies', () => {
  it('leaves the queue that would have begun the stream off, and the next start tries again', () => {
    const { stream, o, made } = rig();
    o.available = false;
    expect([stream.startOutput(), stream.startInput()]).toEqual(['ok', 'unavailable']);
    o.available = true;
    expect([stream.startInput(), stream.phase, made.length]).toEqual(['ok', 'encoding', 1]);
  });

  it('gives every buffer back with its error set, takes none until a queue was stopped, and is not heard any more', async () => {
    const { stream, log, encoder, made } = rig();
    stream.queueOutput('o0', [MEMORY]);
    stream.startOutput();
    stream.startInput();
    stream.queueInput('i0', [MEMORY], 'c0');
    const dead = encoder();
    dead.events.failed('killed');
    expect(log).toEqual(['in i0 bad', 'out o0 - 0 error', 'failed: killed']);
    expect([stream.queueInput('i1', [MEMORY], 'c1'), stream.drain(), stream.resume(), stream.startInput()]).toEqual([
      false,
      'failed',
      'failed',
      'failed',
    ]);
    dead.events.inputDone(0, true);
    dead.events.coded({ targetId: 0, inputId: 0, bytesUsed: 3, error: false, type: 'key' });
    expect(log).toHaveLength(3);
    await stream.stopInput();
    await stream.stopOutput();
    expect([stream.startInput(), stream.startOutput(), made.length]).toEqual(['ok', 'ok', 2]);
  });
});

describe('an encoder’s stream', () => {
  it('gives a result with the cookie of its picture, and tells a drain’s end after LAST', async () => {
    const { stream, log, encoder } = rig();
    for (const handle of ['o0', 'o1']) stream.queueOutput(handle, [MEMORY]);
    stream.startOutput();
    stream.startInput();
    stream.queueInput('i0', [MEMORY], 'c0');
    expect(stream.drain()).toBe('ok');
    stream.queueInput('i1', [MEMORY], 'c1');
    expect([encoder().inputs.length, encoder().drains, encoder().targets]).toEqual([1, 1, [0, 1]]);
    encoder().events.inputDone(0, true);
    encoder().events.coded({ targetId: 0, inputId: 0, bytesUsed: 5, error: false, type: 'key' });
    encoder().events.drained();
    expect([stream.phase, log]).toEqual(['ending', ['in i0', 'out o0 c0 5']]);
    await expect.poll(() => log).toEqual(['in i0', 'out o0 c0 5', 'out o1 - 0 last', 'eos']);
    expect([stream.phase, encoder().inputs.length]).toEqual(['stopped', 1]);
  });

  it('takes the buffer that carries LAST back from the encoder', async () => {
    const { stream, log, encoder } = rig();
    stream.queueOutput('o0', [MEMORY]);
    stream.startOutput();
    stream.startInput();
    stream.drain();
    encoder().events.drained();
    expect(log).toEqual([]);
    await expect.poll(() => log).toEqual(['out o0 - 0 last', 'eos']);
    expect([stream.phase, stream.drain(), stream.resume(), stream.phase]).toEqual(['stopped', 'ignored', 'ok', 'encoding']);
  });

  it('codes pictures again that an encoder had when the output was stopped, unless the input is being stopped too', async () => {
    const { stream, encoder, made } = rig();
    stream.startOutput();
    stream.startInput();
    for (const handle of ['i0', 'i1']) stream.queueInput(handle, [MEMORY], handle);
    encoder().events.inputDone(0, true);
    await stream.stopOutput();
    stream.startOutput();
    expect([made.length, encoder().inputs.length]).toEqual([2, 1]);
    await Promise.all([stream.stopOutput(), stream.stopInput()]);
    stream.startOutput();
    stream.startInput();
    expect([made.length, encoder().inputs.length]).toEqual([3, 0]);
  });

  it('gives nothing back after close', async () => {
    const { stream, log, encoder } = rig();
    stream.queueOutput('o0', [MEMORY]);
    stream.startOutput();
    stream.startInput();
    stream.queueInput('i0', [MEMORY], 'c0');
    const closing = stream.close();
    encoder().events.inputDone(0, true);
    await closing;
    expect([log, stream.phase, stream.queueOutput('o1', [MEMORY])]).toEqual([[], 'closed', false]);
  });
});
