// SPDX-License-Identifier: Apache-2.0
/** The conformance suite: all checks, run one after the other against one back-end. */
import type { DriverTransport } from '../virtio-device/driver-transport.ts';
import type { ConformanceCheck } from './check.ts';
import { CheckContext, type ConformanceOptions } from './check-context.ts';
import {
  bufferChecks,
  chainChecks,
  controlChecks,
  decoderChecks,
  mappingChecks,
  payloadChecks,
  sessionChecks,
  stopChecks,
} from './checks/index.ts';
import { appliesTo, type DeviceKind } from './device-kind.ts';
import type { CheckResult, ConformanceReport } from './report.ts';
import { CheckFailure, CheckSkip } from './verdict.ts';

/** Avoiding EVT_ERROR is a matter of the whole run, so this check comes last. */
const noErrors: ConformanceCheck = {
  ids: ['P11'],
  title: 'no EVT_ERROR came during the whole run',
  section: 'existing Linux drivers',
  applies: 'any',
  async run(ctx) {
    if (ctx.errorEvents > 0)
      throw new CheckFailure(`${ctx.errorEvents} EVT_ERRORs came: today's Linux driver crashes on the first`);
  },
};

/** Every check, in the order in which they run. */
export const CHECKS: readonly ConformanceCheck[] = [
  ...sessionChecks,
  ...payloadChecks,
  ...chainChecks,
  ...controlChecks,
  ...mappingChecks,
  ...bufferChecks,
  ...decoderChecks,
  ...stopChecks,
  noErrors,
];

/** Longest time for one check, in microseconds. */
const CHECK_TIMEOUT = 60_000_000;

/**
 * Runs the suite against the device behind `transport`, which nobody else uses meanwhile. Never rejects for what the
 * device does, and ends early when the device is gone; the transport stays open. `checks` is for tests of single checks.
 */
export async function runConformance(
  transport: DriverTransport,
  options: ConformanceOptions,
  checks: readonly ConformanceCheck[] = CHECKS,
): Promise<ConformanceReport> {
  const ctx = await CheckContext.create(transport, options);
  const { card, deviceCaps } = ctx.driver.config;
  const results: CheckResult[] = [];
  const { kind } = ctx;
  const life = new DeviceLife(transport);
  for (const check of checks) {
    const result = await runOne(ctx, check, kind, life);
    results.push(result);
    options.onResult?.(result);
    if (result.outcome === 'fail' && life.end === undefined && !(await ctx.answers()))
      life.end ??= 'it answers no command any more';
    // It may have gone between two checks: then the next one says so.
    if (life.end !== undefined && result.outcome === 'fail') break;
  }
  if (life.end === undefined) await ctx.driver.detach().catch(() => {});
  const about = { card, deviceCaps, kind, results };
  return life.end === undefined ? about : { ...about, gone: { reason: life.end, notRun: checks.length - results.length } };
}

/** Whether the device is there, as far as the transport tells. */
class DeviceLife {
  /** why it is gone; undefined while it is there */
  end: string | undefined;
  /** rejects when the device goes */
  readonly gone: Promise<never>;

  constructor(transport: DriverTransport) {
    this.gone = transport.closed.then((reason) => {
      this.end = reason;
      throw new CheckFailure(`the device went: ${reason}`);
    });
    this.gone.catch(() => {});
  }
}

async function runOne(ctx: CheckContext, check: ConformanceCheck, kind: DeviceKind, life: DeviceLife): Promise<CheckResult> {
  const about = { ids: check.ids, title: check.title, section: check.section };
  if (!appliesTo(check.applies, kind)) {
    return { ...about, outcome: 'skip', detail: `for a ${check.applies} device; this one is of kind "${kind}"`, micros: 0 };
  }
  if (life.end !== undefined) return { ...about, outcome: 'fail', detail: `the device went: ${life.end}`, micros: 0 };
  const start = ctx.options.clock.now();
  const micros = (): number => ctx.options.clock.now() - start;
  try {
    await Promise.race([ctx.waitFor(check.run(ctx), `the end of the check`, CHECK_TIMEOUT), life.gone]);
    return { ...about, outcome: 'pass', detail: '', micros: micros() };
  } catch (error) {
    const detail =
      error instanceof Error ? `${error.name === 'CheckFailure' ? '' : `${error.name}: `}${error.message}` : String(error);
    if (error instanceof CheckSkip) return { ...about, outcome: 'skip', detail: error.message, micros: micros() };
    return { ...about, outcome: 'fail', detail, micros: micros() };
  } finally {
    if (life.end === undefined) await Promise.race([ctx.clean(), life.gone]).catch(() => {});
    if (life.end !== undefined) ctx.abandon();
  }
}
