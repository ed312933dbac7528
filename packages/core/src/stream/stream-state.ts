// SPDX-License-Identifier: Apache-2.0
/** A coded stream as plain data. */
import { SavedFields } from '../base/index.ts';
import type { CodecId } from '../ports/index.ts';
import type { DecoderPhase } from './decoder-phase.ts';

/**
 * What `DecoderStream.save` returns. Format and layout are not part of it: the stream's user was told the one and told the other,
 * and gives both back to `restore`.
 */
export interface DecoderStreamState {
  /** no drain is under way in it: not `draining`, and `drain` is never `asked` */
  readonly phase: DecoderPhase;
  readonly input: 'off' | 'on';
  readonly output: 'off' | 'on';
  /** of the decoder; null without one: in `idle`, `failed` and `closed` */
  readonly codec: CodecId | null;
  /** whether `endOfStream` is still to come for the drain that ended */
  readonly end: 'told' | 'untold';
  /** buffers returned since the output queue was started */
  readonly sequence: number;
}

/** True if a format is known in the phase. */
export function formatKnown(phase: DecoderPhase): boolean {
  switch (phase.kind) {
    case 'setup':
    case 'changing':
    case 'changed':
    case 'decoding':
    case 'draining':
      return true;
    case 'ending':
    case 'stopped':
      return phase.known;
    case 'idle':
    case 'parsing':
    case 'failed':
    case 'closed':
      return false;
  }
}

const KINDS = ['idle', 'parsing', 'setup', 'changing', 'changed', 'decoding', 'ending', 'stopped', 'failed', 'closed'] as const;
const MAX_REASON = 4096;

/** Reads a saved state. `has`: whether the user gives a format and a layout with it. Throws `SavedStateError`. */
export function readStream(
  state: unknown,
  codecs: readonly CodecId[],
  has: { readonly format: boolean; readonly layout: boolean },
): DecoderStreamState {
  const fields = new SavedFields(state, 'stream', ['phase', 'input', 'output', 'codec', 'end', 'sequence']);
  const phase = readPhase(fields);
  if (formatKnown(phase) !== has.format)
    fields.refuse('phase', has.format ? 'one with a format' : 'one without a format: none is given');
  const input = fields.oneOf('input', ['off', 'on']);
  const output = fields.oneOf('output', ['off', 'on']);
  if (phase.kind === 'closed' && (input === 'on' || output === 'on')) fields.refuse('phase', 'another while a queue is on');
  const decoderless = phase.kind === 'idle' || phase.kind === 'failed' || phase.kind === 'closed';
  const codec = decoderless ? null : fields.oneOf('codec', codecs);
  if (decoderless && fields.raw('codec') !== null) fields.refuse('codec', `null in the phase ${phase.kind}`);
  if (formatKnown(phase) && !has.layout) fields.refuse('phase', 'one without a format: no layout is given');
  if (output === 'on' && !has.layout) fields.refuse('output', 'off: no layout is given');
  const end = fields.oneOf('end', ['told', 'untold']);
  if (end === 'untold' && phase.kind !== 'ending') fields.refuse('end', 'told unless the phase is ending');
  return { phase, input, output, codec, end, sequence: fields.integer('sequence', 0, Number.MAX_SAFE_INTEGER) };
}

function readPhase(stream: SavedFields): DecoderPhase {
  const value = stream.raw('phase');
  const named = typeof value === 'object' && value !== null ? Object.keys(value) : [];
  const kind = stream.object('phase', named.includes('kind') ? named : ['kind']).oneOf('kind', KINDS);
  const only = (...names: string[]): SavedFields => stream.object('phase', ['kind', ...names]);
  switch (kind) {
    case 'parsing':
    case 'setup':
    case 'changing':
    case 'changed':
      return { kind, drain: only('drain').oneOf('drain', ['no', 'done']) };
    case 'ending':
    case 'stopped':
      return { kind, known: only('known').boolean('known') };
    case 'failed':
      return { kind, reason: only('reason').text('reason', MAX_REASON) };
    case 'idle':
    case 'decoding':
    case 'closed':
      only();
      return { kind };
  }
}
