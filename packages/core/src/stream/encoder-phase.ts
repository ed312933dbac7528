// SPDX-License-Identifier: Apache-2.0
/**
 * The state machine of a stream that is encoded, as a pure function: phase and edge in, phase out. Effects are the stream's affair.
 *
 * ```
 *          both queues on                    drain            drained          LAST given
 *   idle ─────────────────► encoding ──────────────► draining ────────► ending ──────────► stopped
 *    ▲                        ▲                         │                  │                  │
 *    │                        └──── stopInput ──────────┴──────────────────┴── resume, or ────┤
 *    │                                                                         stopInput      │
 *    └─────────────────────────── stopOutput from any of them ────────────────────────────────┘
 * ```
 *
 * Stopping the output ends the coded stream: the next one begins with an encoder of its own, and with headers. `fail` leads from any
 * phase but `closed` to `failed`, out of which stopping either queue leads to `idle`; `close` leads from anywhere to `closed`.
 *
 * @see Documentation/userspace-api/media/v4l/dev-encoder.rst, "Drain" and "Reset"
 */

/**
 * Where the stream is.
 * - `idle`: no encoder
 * - `encoding`: pictures go in and coded data comes out
 * - `draining`: the encoder lets out everything it has; new pictures wait
 * - `ending`: it has; the LAST buffer is owed
 * - `stopped`: LAST given; waits for `resume`, or a stop of either queue
 * - `failed`: the encoder died
 * - `closed`: for good
 */
export type EncoderPhase = 'idle' | 'encoding' | 'draining' | 'ending' | 'stopped' | 'failed' | 'closed';

/** What moves it. */
export type EncoderEdge =
  | 'begin'
  | 'drain'
  | 'drained'
  | 'last-given'
  | 'resume'
  | 'stop-input'
  | 'stop-output'
  | 'fail'
  | 'close';

/** Where each edge leads from a phase; what is not here leaves the phase as it is. */
const EDGES: Readonly<Record<EncoderPhase, Readonly<Partial<Record<EncoderEdge, EncoderPhase>>>>> = {
  idle: { begin: 'encoding', fail: 'failed', close: 'closed' },
  encoding: { drain: 'draining', 'stop-output': 'idle', fail: 'failed', close: 'closed' },
  draining: { drained: 'ending', 'stop-input': 'encoding', 'stop-output': 'idle', fail: 'failed', close: 'closed' },
  ending: { 'last-given': 'stopped', 'stop-input': 'encoding', 'stop-output': 'idle', fail: 'failed', close: 'closed' },
  stopped: { resume: 'encoding', 'stop-input': 'encoding', 'stop-output': 'idle', fail: 'failed', close: 'closed' },
  failed: { 'stop-input': 'idle', 'stop-output': 'idle', close: 'closed' },
  closed: {},
};

/** The phase after an edge. */
export function nextEncoderPhase(phase: EncoderPhase, edge: EncoderEdge): EncoderPhase {
  return EDGES[phase][edge] ?? phase;
}
