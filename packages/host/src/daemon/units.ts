// SPDX-License-Identifier: Apache-2.0
const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 };

/** Bytes of "4096", "64KiB", "512 MiB", "1G"; undefined if it is none of these. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+)\s*(?:([kmg])(?:i?b)?)?$/i.exec(text.trim());
  if (!match) return undefined;
  return Number(match[1]) * (UNITS[(match[2] ?? '').toLowerCase()] ?? Number.NaN);
}

/** The same number for people: "64.0 MiB". */
export function formatSize(bytes: number): string {
  const steps = ['B', 'KiB', 'MiB', 'GiB'];
  let value = bytes;
  let step = 0;
  while (Math.abs(value) >= 1024 && step < steps.length - 1) {
    value /= 1024;
    step += 1;
  }
  return step === 0 ? `${value} B` : `${value.toFixed(1)} ${steps[step]}`;
}
