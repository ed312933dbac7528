// SPDX-License-Identifier: Apache-2.0
/** What came of a run of the suite, as data and as text. */
import type { DeviceKind } from './device-kind.ts';
import { DEVICE_MUST_IDS, UNTESTABLE } from './must-ids.ts';

/** One check's result. `detail`: why it failed or was skipped. */
export interface CheckResult {
  readonly ids: readonly string[];
  readonly title: string;
  readonly section: string;
  readonly outcome: 'pass' | 'fail' | 'skip';
  readonly detail: string;
  /** microseconds it took */
  readonly micros: number;
}

/** A whole run; plain data, fit for JSON. */
export interface ConformanceReport {
  readonly card: string;
  readonly deviceCaps: number;
  readonly kind: DeviceKind;
  readonly results: readonly CheckResult[];
  /** the device went in the middle: why, and how many checks were not run */
  readonly gone?: { readonly reason: string; readonly notRun: number };
}

/** What one MUST id came to. */
export interface IdResult {
  readonly id: string;
  /** fail: one of its checks failed; pass: one passed and none failed; untested: all were skipped or there is none */
  readonly outcome: 'pass' | 'fail' | 'untested';
  /** why it is untested, or what its check leaves out */
  readonly reason: string;
}

/** One entry for each MUST id. */
export function idResults(report: ConformanceReport): IdResult[] {
  return DEVICE_MUST_IDS.map((id) => {
    const results = report.results.filter((result) => result.ids.includes(id));
    const limits = UNTESTABLE.find((entry) => entry.id === id)?.reason ?? '';
    if (results.some((result) => result.outcome === 'fail')) return { id, outcome: 'fail', reason: limits };
    if (results.some((result) => result.outcome === 'pass')) return { id, outcome: 'pass', reason: limits };
    const skipped = results.map((result) => result.detail).filter((detail) => detail !== '');
    return {
      id,
      outcome: 'untested',
      reason: limits || [...new Set(skipped)].join('; ') || (report.gone === undefined ? 'no check' : 'the device was gone'),
    };
  });
}

/** Numbers of the report. */
export function countResults(report: ConformanceReport): { pass: number; fail: number; skip: number } {
  const counts = { pass: 0, fail: 0, skip: 0 };
  for (const result of report.results) counts[result.outcome] += 1;
  return counts;
}

/** The report for people: one line a check, then what is untested and why. */
export function reportText(report: ConformanceReport): string {
  const lines = [`${report.card} (${report.kind}, device_caps 0x${report.deviceCaps.toString(16)})`, ''];
  for (const result of report.results) {
    lines.push(
      `${MARKS[result.outcome]} ${result.ids.join(' ')}: ${result.title}${result.detail === '' ? '' : `\n       ${result.detail}`}`,
    );
  }
  const untested = idResults(report).filter((entry) => entry.outcome === 'untested');
  if (untested.length > 0) lines.push('', 'Not tested:', ...untested.map((entry) => `  ${entry.id}: ${entry.reason}`));
  const counts = countResults(report);
  if (report.gone !== undefined) {
    lines.push('', `THE DEVICE IS GONE: ${report.gone.reason}. ${report.gone.notRun} checks were not run.`);
  }
  lines.push('', `${counts.pass} passed, ${counts.fail} failed, ${counts.skip} skipped`);
  return `${lines.join('\n')}\n`;
}

const MARKS = { pass: 'ok    ', fail: 'FAIL  ', skip: 'skip  ' } as const;
