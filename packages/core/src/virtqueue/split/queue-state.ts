// SPDX-License-Identifier: Apache-2.0
/** The device side of a split ring as plain data. */
import { hexOf, SavedFields, SavedStateError } from '../../base/saved-state.ts';
import { QUEUE_ERROR_CODES, QueueError, type QueueErrorCode } from '../queue-error.ts';
import type { RingFeatures, RingLayout } from '../ring-layout.ts';
import type { RingMarkState } from './ring-mark.ts';
import { checkRingLayout } from './ring-view.ts';

/**
 * What `DeviceQueue.save` returns. Indices are modulo 65536, addresses guest-physical. All that lies in guest memory (flags, event
 * indices, entries) is not part of it: it goes with the memory.
 */
export interface SplitQueueState {
  readonly ring: 'split';
  /** as negotiated */
  readonly features: RingFeatures;
  /** why the queue is broken; null if it is not */
  readonly broken: { readonly code: QueueErrorCode; readonly message: string } | null;
  /** the ring that runs; null while the queue is stopped */
  readonly running: {
    readonly layout: RingLayout;
    /** next entry of the available ring to take */
    readonly next: number;
    /** the available index as last read: at most a ring ahead of `next` */
    readonly available: number;
    /** the used index as the driver sees it */
    readonly used: number;
  } | null;
  /** the ring that was stopped last, by which a start is told to go on or to begin anew; null if none is remembered */
  readonly stopped: {
    readonly layout: RingLayout;
    readonly next: number;
    readonly used: number;
    /** all elements of its used ring, 8 bytes each, in hexadecimal digits; null where their memory had gone */
    readonly elements: string | null;
  } | null;
}

/** What a queue starts from, read and judged. */
export interface SplitQueueStart {
  readonly features: RingFeatures;
  readonly error: QueueError | undefined;
  readonly running:
    | { readonly layout: RingLayout; readonly next: number; readonly available: number; readonly used: number }
    | undefined;
  readonly stopped: RingMarkState | undefined;
}

const RING_STATE = ['layout', 'next', 'available', 'used'];
const MARK_STATE = ['layout', 'next', 'used', 'elements'];
const INDEX_MAX = 0xffff;
const MAX_MESSAGE = 1024;

/** The mark of a stopped ring as plain data. */
export function saveMark({ layout, next, used, elements }: RingMarkState): SplitQueueState['stopped'] {
  return { layout: { ...layout }, next, used, elements: elements === undefined ? null : hexOf(elements) };
}

/** Reads a saved state. Throws `SavedStateError`. */
export function readQueueState(state: unknown): SplitQueueStart {
  const fields = new SavedFields(state, 'queue', ['ring', 'features', 'broken', 'running', 'stopped']);
  fields.oneOf('ring', ['split']);
  const features = fields.object('features', ['indirect', 'eventIdx']);
  const broken = fields.objectOrNull('broken', ['code', 'message']);
  const running = fields.objectOrNull('running', RING_STATE);
  const stopped = fields.objectOrNull('stopped', MARK_STATE);
  if (running !== undefined && stopped !== undefined) fields.refuse('stopped', 'null while a ring runs');
  return {
    features: { indirect: features.boolean('indirect'), eventIdx: features.boolean('eventIdx') },
    error:
      broken === undefined
        ? undefined
        : new QueueError(broken.oneOf('code', QUEUE_ERROR_CODES), broken.text('message', MAX_MESSAGE)),
    running: running && readRing(running),
    stopped: stopped && readMark(stopped),
  };
}

function readRing(ring: SavedFields): NonNullable<SplitQueueStart['running']> {
  const layout = readLayout(ring);
  const next = ring.integer('next', 0, INDEX_MAX);
  const available = ring.integer('available', 0, INDEX_MAX);
  if (((available - next) & INDEX_MAX) > layout.size) {
    ring.refuse('available', `at most ${layout.size} entries ahead of ${next}, modulo 65536`);
  }
  return { layout, next, available, used: ring.integer('used', 0, INDEX_MAX) };
}

function readMark(mark: SavedFields): RingMarkState {
  const layout = readLayout(mark);
  return {
    layout,
    next: mark.integer('next', 0, INDEX_MAX),
    used: mark.integer('used', 0, INDEX_MAX),
    elements: mark.raw('elements') === null ? undefined : mark.bytes('elements', 8 * layout.size),
  };
}

function readLayout(ring: SavedFields): RingLayout {
  const fields = ring.object('layout', ['size', 'descriptors', 'available', 'used']);
  const layout = {
    size: fields.u32('size'),
    descriptors: fields.integer('descriptors', 0, Number.MAX_SAFE_INTEGER),
    available: fields.integer('available', 0, Number.MAX_SAFE_INTEGER),
    used: fields.integer('used', 0, Number.MAX_SAFE_INTEGER),
  };
  try {
    checkRingLayout(layout);
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
    throw new SavedStateError(fields.path, ring.raw('layout'), `a sound layout (${error.message})`);
  }
  return layout;
}
