// SPDX-License-Identifier: Apache-2.0
/** The judgement of v4l2-compliance 1.32 about a node, and what of it is an error here. */
import { expect } from 'vitest';
import type { UmlHost } from '../harness/index.ts';

const SUMMARY = /^Total for .*: (\d+), Succeeded: (\d+), Failed: (\d+), Warnings: \d+$/;
const TIMEOUT = 600_000;

/**
 * A script that lets the tool judge a node. On a busy machine it finds fault with reads that differ and with events that are late, so
 * that it may try again.
 */
export function judge(node: string | undefined, flags = '', tries = 1): string {
  const tool = `v4l2-compliance -P --color never -d ${node} ${flags} 2>&1`;
  return tries === 1 ? tool : `for i in $(seq ${tries}); do told=$(${tool}) && break; done; echo "$told"`;
}

/** Fails unless the tool finds nothing wrong with a node; shows its summary. */
export async function expectCompliance(host: UmlHost, node: string | undefined, flags: string, title: string): Promise<void> {
  expect(node, title).toBeDefined();
  const { stdout, stderr } = await host.run(judge(node, flags), TIMEOUT);
  expectCompliant(stdout, title, stderr);
}

/** Fails unless the tool, whose output this is, found nothing wrong with a node and warns of nothing but lateness; shows its summary. */
export function expectCompliant(output: string, title: string, more = ''): void {
  const { summary, complaints } = verdictOf(output);
  console.log(`${title}: ${summary}`);
  expect(complaints).toEqual([]);
  const [, total, succeeded, failed] = SUMMARY.exec(summary) ?? [];
  expect(total, `${summary} ${more}`).toBeDefined();
  expect([succeeded, failed]).toEqual([total, '0']);
}

/** What the tool says of a node. */
export interface Verdict {
  /** its last line */
  readonly summary: string;
  /** what it found wrong: tests that failed, and why; warnings */
  readonly complaints: readonly string[];
  /** `OK`, `OK (Not Supported)` or `FAIL` of each test, by its name and the input or output that it was done at */
  readonly tests: ReadonlyMap<string, string>;
}

/** A machine that is too slow for a camera or player misses frames, of which the tool warns. */
const LATE = /^warn: .*got sequence number/;
const TEST = /^test (.*): (OK|OK \(Not Supported\)|FAIL)$/;
const PLACE = /^\w.* ioctls(?: \(\w+ \d+\))?:$/;

/** Reads the output of the tool. */
export function verdictOf(output: string): Verdict {
  const lines = output
    .trim()
    .split('\n')
    .map((line) => line.trim());
  const tests = new Map<string, string>();
  let place = '';
  for (const line of lines) {
    if (PLACE.test(line)) place = `${line} `;
    const [, name, result] = TEST.exec(line) ?? [];
    // the name of one has the node in it
    if (name !== undefined && result !== undefined) tests.set(`${place}${name.replace(/\/dev\/\w+ /, '')}`, result);
  }
  const complaints = lines.filter((line) => /^(fail|warn)\b/i.test(line) || /: FAIL$/.test(line));
  return { summary: lines.at(-1) ?? '', complaints: complaints.filter((line) => !LATE.test(line)), tests };
}
