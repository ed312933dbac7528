// SPDX-License-Identifier: Apache-2.0
export * from './controls/index.ts';
export * from './events.ts';
export * from './format-flags.ts';
export * from './format-payload.ts';
export * from './frame-sizes.ts';
export * from './timestamp.ts';
