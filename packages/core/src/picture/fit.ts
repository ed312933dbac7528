// SPDX-License-Identifier: Apache-2.0
/**
 * How a picture is shown in one of another shape. `contain`: all of it, with black beside it; `cover`: nothing beside it, and what stands
 * over is cut off; `stretch`: each side as long as the other's. With the first two a circle stays round. The index is what travels to
 * processes.
 */
export const FITS = ['contain', 'cover', 'stretch'] as const;
/** One of FITS. */
export type Fit = (typeof FITS)[number];
