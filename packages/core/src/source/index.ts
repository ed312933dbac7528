// SPDX-License-Identifier: Apache-2.0
export * from './camera-source.ts';
export * from './control-lock.ts';
export * from './each-source.ts';
export * from './every-frame.ts';
export * from './fixed-controls.ts';
export * from './no-controls.ts';
export * from './quality-source.ts';
export * from './shared-source.ts';
export * from './source-controls.ts';
export * from './source-error.ts';
export * from './steady-source.ts';
export * from './steady-stream.ts';
export * from './with-controls.ts';
