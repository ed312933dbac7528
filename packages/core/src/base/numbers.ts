// SPDX-License-Identifier: Apache-2.0
/** The least multiple of `unit` that is not below `value`. */
export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** `value`, or the end of the range that it is beyond. */
export function clamp(value: number, minimum: number, maximum: number): number {
  return Math.min(Math.max(value, minimum), maximum);
}

/** Nearest value of the range: `minimum` plus a multiple of `step`. */
export function roundToStep(value: number, minimum: number, maximum: number, step: number): number {
  const clamped = clamp(value, minimum, maximum);
  if (step <= 1) return clamped;
  const rounded = minimum + Math.round((clamped - minimum) / step) * step;
  return rounded > maximum ? rounded - step : rounded;
}
