// SPDX-License-Identifier: Apache-2.0
/**
 * The state machine of a coded stream, as a pure function: phase and edge in, phase out. Effects are the stream's affair.
 *
 * ```
 *            startInput                format, output off
 *   idle ───────────────► parsing ──────────────────────────────► setup ◄───────────────┐
 *    ▲                    │     │ format, layout holds              │ startOutput        │ stopOutput from
 *    │ reset, or          │     └──────────────┐                    ▼                    │ changing, changed,
 *    │ stopInput          │ format,            └───────────────► decoding ───────────────┤ decoding, draining,
 *    │ when failed        │ output on                         ▲    │  │                  │ ending, stopped
 *  failed ◄── fail ── any ▼            format, output on      │    │  │ drain            │
 *                      changing ◄─────────────────────────────┼────┘  ▼                  │
 *                         │ LAST given                        │    draining ─────────────┤
 *                         ▼             resume                │       │ drained          │
 *                      changed ───────────────────────────────┤       ▼                  │
 *                                                             │    ending ───────────────┤
 *                                     resume, or stopInput    │       │ LAST given       │
 *                                                             └─── stopped ──────────────┘
 * ```
 *
 * `stopInput` (seek) leads back from draining, ending and stopped to decoding, and leaves a format change as it stands:
 * its event is out, so it must be gone through. A drain that meets a format change waits in the phase's `drain` member
 * and goes on after it. While `known` is false (a drain that ended before any header was found) `decoding` above reads
 * `parsing`. `close` leads from anywhere to `closed`.
 *
 * @see Documentation/userspace-api/media/v4l/dev-decoder.rst, "State Machine"
 */

/** A drain that meets a format change: none, asked of the decoder, or done by it with the end still to be told. */
export type PendingDrain = 'no' | 'asked' | 'done';

/**
 * Where the stream is.
 * - `idle`: no decoder; the format is not known
 * - `parsing`: a decoder looks for the first header
 * - `setup`: the format is known, the output queue is off
 * - `changing`: the format changed under a running output queue, which still has to get its LAST buffer
 * - `changed`: it got it; waits for `resume` or a restart of the output queue
 * - `decoding`: both formats agree, pictures flow
 * - `draining`: the decoder lets out everything it has; new input waits
 * - `ending`: it has; the LAST buffer is owed
 * - `stopped`: LAST given; waits for `resume`, a restart of the output queue or a seek
 * - `failed`: the decoder died; every operation but stopping fails until the input queue was stopped
 * - `closed`: for good
 */
export type DecoderPhase =
  | { readonly kind: 'idle' }
  | { readonly kind: 'parsing'; readonly drain: PendingDrain }
  | { readonly kind: 'setup'; readonly drain: PendingDrain }
  | { readonly kind: 'changing'; readonly drain: PendingDrain }
  | { readonly kind: 'changed'; readonly drain: PendingDrain }
  | { readonly kind: 'decoding' }
  | { readonly kind: 'draining' }
  | { readonly kind: 'ending'; readonly known: boolean }
  | { readonly kind: 'stopped'; readonly known: boolean }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'closed' };

/**
 * What moves it. `format-kept`: a format that the output queue's layout holds; `format-stop`: one that it does not, with
 * the queue running; `format-parked`: one that came while the queue was off.
 */
export type DecoderEdge =
  | { readonly kind: 'start-input' }
  | { readonly kind: 'stop-input' }
  | { readonly kind: 'start-output' }
  | { readonly kind: 'stop-output' }
  | { readonly kind: 'format-kept' }
  | { readonly kind: 'format-stop' }
  | { readonly kind: 'format-parked' }
  | { readonly kind: 'drain' }
  | { readonly kind: 'drained' }
  | { readonly kind: 'last-given' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'fail'; readonly reason: string }
  | { readonly kind: 'reset' }
  | { readonly kind: 'close' };

/** True after a failure or close: nothing is taken any more. */
export function isOver({ kind }: DecoderPhase): boolean {
  return kind === 'failed' || kind === 'closed';
}

/** True if the decoder may be given input: what was queued after a drain began belongs behind it. */
export function takesInput(phase: DecoderPhase): boolean {
  return phase.kind !== 'idle' && phase.kind !== 'stopped' && !isOver(phase) && drainOf(phase) === 'no';
}

/** The drain that a phase is in or carries. */
export function drainOf(phase: DecoderPhase): PendingDrain {
  switch (phase.kind) {
    case 'parsing':
    case 'setup':
    case 'changing':
    case 'changed':
      return phase.drain;
    case 'draining':
      return 'asked';
    case 'ending':
      return 'done';
    case 'idle':
    case 'decoding':
    case 'stopped':
    case 'failed':
    case 'closed':
      return 'no';
  }
}

/** The phase of a stream whose output can flow, given the drain it carries. */
function flowing(drain: PendingDrain): DecoderPhase {
  if (drain === 'done') return { kind: 'ending', known: true };
  return { kind: drain === 'asked' ? 'draining' : 'decoding' };
}

const settled = (known: boolean): DecoderPhase => (known ? { kind: 'decoding' } : { kind: 'parsing', drain: 'no' });

/** The next phase. An edge that means nothing in a phase leaves it as it is (the same object). */
export function nextPhase(phase: DecoderPhase, edge: DecoderEdge): DecoderPhase {
  if (phase.kind === 'closed') return phase;
  switch (edge.kind) {
    case 'close':
      return { kind: 'closed' };
    case 'fail':
      return { kind: 'failed', reason: edge.reason };
    case 'reset':
      return { kind: 'idle' };
    case 'start-input':
      return phase.kind === 'idle' ? { kind: 'parsing', drain: 'no' } : phase;
    case 'stop-input':
      return afterStopInput(phase);
    case 'start-output':
      return phase.kind === 'setup' ? flowing(phase.drain) : phase;
    case 'stop-output':
      return afterStopOutput(phase);
    case 'format-kept':
      return phase.kind === 'parsing' ? flowing(phase.drain) : phase;
    case 'format-stop':
      return afterFormatStop(phase);
    case 'format-parked':
      return phase.kind === 'parsing' ? { kind: 'setup', drain: phase.drain } : phase;
    case 'drain':
      return afterDrain(phase);
    case 'drained':
      return afterDrained(phase);
    case 'last-given':
      if (phase.kind === 'changing') return { kind: 'changed', drain: phase.drain };
      return phase.kind === 'ending' ? { kind: 'stopped', known: phase.known } : phase;
    case 'resume':
      if (phase.kind === 'changing' || phase.kind === 'changed') return flowing(phase.drain);
      return phase.kind === 'stopped' ? settled(phase.known) : phase;
  }
}

function afterStopInput(phase: DecoderPhase): DecoderPhase {
  switch (phase.kind) {
    case 'parsing':
    case 'setup':
    case 'changing':
    case 'changed':
      return phase.drain === 'no' ? phase : { kind: phase.kind, drain: 'no' };
    case 'draining':
      return { kind: 'decoding' };
    case 'ending':
    case 'stopped':
      return settled(phase.known);
    case 'failed':
      return { kind: 'idle' };
    case 'idle':
    case 'decoding':
    case 'closed':
      return phase;
  }
}

function afterStopOutput(phase: DecoderPhase): DecoderPhase {
  switch (phase.kind) {
    case 'parsing':
      return phase.drain === 'no' ? phase : { kind: 'parsing', drain: 'no' };
    case 'changing':
    case 'changed':
      return { kind: 'setup', drain: phase.drain };
    case 'decoding':
    case 'draining':
      return { kind: 'setup', drain: 'no' };
    case 'ending':
    case 'stopped':
      return { kind: phase.known ? 'setup' : 'parsing', drain: 'no' };
    case 'idle':
    case 'setup':
    case 'failed':
    case 'closed':
      return phase;
  }
}

function afterFormatStop(phase: DecoderPhase): DecoderPhase {
  switch (phase.kind) {
    case 'parsing':
      return { kind: 'changing', drain: phase.drain };
    case 'decoding':
      return { kind: 'changing', drain: 'no' };
    case 'draining':
      return { kind: 'changing', drain: 'asked' };
    default:
      return phase;
  }
}

function afterDrain(phase: DecoderPhase): DecoderPhase {
  switch (phase.kind) {
    case 'parsing':
    case 'changing':
    case 'changed':
      return phase.drain === 'no' ? { kind: phase.kind, drain: 'asked' } : phase;
    case 'decoding':
      return { kind: 'draining' };
    default:
      return phase;
  }
}

function afterDrained(phase: DecoderPhase): DecoderPhase {
  switch (phase.kind) {
    case 'draining':
      return { kind: 'ending', known: true };
    case 'parsing':
      return phase.drain === 'asked' ? { kind: 'ending', known: false } : phase;
    case 'setup':
    case 'changing':
    case 'changed':
      return phase.drain === 'asked' ? { kind: phase.kind, drain: 'done' } : phase;
    default:
      return phase;
  }
}
