// SPDX-License-Identifier: Apache-2.0
export * from './colorimetry.ts';
export * from './fit.ts';
export * from './formats.ts';
export * from './fourcc.ts';
export * from './intervals.ts';
export * from './layout.ts';
export * from './picture-constants.gen.ts';
export * from './sizes.ts';
