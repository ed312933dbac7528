// SPDX-License-Identifier: Apache-2.0
import { expect } from 'vitest';
import type { UmlHost } from '../harness/index.ts';

const SUMMARY = /^Total for .*: (\d+), Succeeded: (\d+), Failed: (\d+), Warnings: (\d+)$/;
const TIMEOUT = 600_000;

/** Fails unless v4l2-compliance finds nothing wrong with a node; shows its summary. */
export async function expectCompliance(host: UmlHost, node: string | undefined, flags: string, title: string): Promise<void> {
  expect(node, title).toBeDefined();
  const { stdout, stderr } = await host.run(`v4l2-compliance -P --color never -d ${node} ${flags} 2>&1`, TIMEOUT);
  expectCompliant(stdout, title, stderr);
}

/** Fails unless the tool, whose output this is, found nothing wrong with a node; shows its summary. */
export function expectCompliant(output: string, title: string, more = ''): void {
  const lines = output.trim().split('\n');
  const summary = lines.at(-1) ?? '';
  console.log(`${title}: ${summary}`);
  expect(lines.filter((line) => /^\s*fail\b/i.test(line) || /: FAIL$/.test(line))).toEqual([]);
  const [, total, succeeded, failed] = SUMMARY.exec(summary) ?? [];
  expect(total, `${summary} ${more}`).toBeDefined();
  expect([succeeded, failed]).toEqual([total, '0']);
}
