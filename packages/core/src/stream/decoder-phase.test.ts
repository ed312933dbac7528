// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { type DecoderEdge, type DecoderPhase, drainOf, nextPhase } from './decoder-phase.ts';

const P = {
  idle: { kind: 'idle' },
  parsing: { kind: 'parsing', drain: 'no' },
  parsingAsked: { kind: 'parsing', drain: 'asked' },
  setup: { kind: 'setup', drain: 'no' },
  setupAsked: { kind: 'setup', drain: 'asked' },
  setupDone: { kind: 'setup', drain: 'done' },
  changing: { kind: 'changing', drain: 'no' },
  changingAsked: { kind: 'changing', drain: 'asked' },
  changingDone: { kind: 'changing', drain: 'done' },
  changed: { kind: 'changed', drain: 'no' },
  changedAsked: { kind: 'changed', drain: 'asked' },
  changedDone: { kind: 'changed', drain: 'done' },
  decoding: { kind: 'decoding' },
  draining: { kind: 'draining' },
  ending: { kind: 'ending', known: true },
  endingUnknown: { kind: 'ending', known: false },
  stopped: { kind: 'stopped', known: true },
  stoppedUnknown: { kind: 'stopped', known: false },
  failed: { kind: 'failed', reason: 'dead' },
  closed: { kind: 'closed' },
} as const satisfies Record<string, DecoderPhase>;
type Name = keyof typeof P;

// Every edge that leads somewhere. Whatever is not in here must leave the phase as it is.
const EDGES: Record<Exclude<DecoderEdge['kind'], 'fail' | 'reset' | 'close'>, Partial<Record<Name, Name>>> = {
  'start-input': { idle: 'parsing' },
  'stop-input': {
    parsingAsked: 'parsing',
    setupAsked: 'setup',
    setupDone: 'setup',
    changingAsked: 'changing',
    changingDone: 'changing',
    changedAsked: 'changed',
    changedDone: 'changed',
    draining: 'decoding',
    ending: 'decoding',
    endingUnknown: 'parsing',
    stopped: 'decoding',
    stoppedUnknown: 'parsing',
    failed: 'idle',
  },
  'start-output': { setup: 'decoding', setupAsked: 'draining', setupDone: 'ending' },
  'stop-output': {
    parsingAsked: 'parsing',
    changing: 'setup',
    changingAsked: 'setupAsked',
    changingDone: 'setupDone',
    changed: 'setup',
    changedAsked: 'setupAsked',
    changedDone: 'setupDone',
    decoding: 'setup',
    draining: 'setup',
    ending: 'setup',
    endingUnknown: 'parsing',
    stopped: 'setup',
    stoppedUnknown: 'parsing',
  },
  'format-kept': { parsing: 'decoding', parsingAsked: 'draining' },
  'format-stop': { parsing: 'changing', parsingAsked: 'changingAsked', decoding: 'changing', draining: 'changingAsked' },
  'format-parked': { parsing: 'setup', parsingAsked: 'setupAsked' },
  drain: { parsing: 'parsingAsked', changing: 'changingAsked', changed: 'changedAsked', decoding: 'draining' },
  drained: {
    parsingAsked: 'endingUnknown',
    setupAsked: 'setupDone',
    changingAsked: 'changingDone',
    changedAsked: 'changedDone',
    draining: 'ending',
  },
  'last-given': {
    changing: 'changed',
    changingAsked: 'changedAsked',
    changingDone: 'changedDone',
    ending: 'stopped',
    endingUnknown: 'stoppedUnknown',
  },
  resume: {
    changing: 'decoding',
    changingAsked: 'draining',
    changingDone: 'ending',
    changed: 'decoding',
    changedAsked: 'draining',
    changedDone: 'ending',
    stopped: 'decoding',
    stoppedUnknown: 'parsing',
  },
};

const names = Object.keys(P) as Name[];

describe('the phases of a coded stream', () => {
  for (const [kind, table] of Object.entries(EDGES)) {
    for (const name of names) {
      const to = (table as Partial<Record<Name, Name>>)[name];
      test(to === undefined ? `${kind} means nothing in ${name}` : `${kind} leads from ${name} to ${to}`, () => {
        const next = nextPhase(P[name], { kind } as DecoderEdge);
        if (to === undefined) expect(next).toBe(P[name]);
        else expect(next).toEqual(P[to]);
      });
    }
  }

  test('a failure, a reset and a close lead from everywhere to failed, idle and closed, but nothing leaves closed', () => {
    for (const name of names) {
      const closed = name === 'closed';
      expect(nextPhase(P[name], { kind: 'fail', reason: 'x' })).toEqual(closed ? P.closed : { kind: 'failed', reason: 'x' });
      expect(nextPhase(P[name], { kind: 'reset' })).toEqual(closed ? P.closed : P.idle);
      expect(nextPhase(P[name], { kind: 'close' })).toEqual(P.closed);
    }
  });

  test('a phase tells which drain it is in', () => {
    const drains = names.filter((name) => drainOf(P[name]) !== 'no');
    expect(drains).toEqual(names.filter((name) => /Asked|Done|draining|ending/.test(name)));
  });
});
