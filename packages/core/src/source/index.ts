// SPDX-License-Identifier: Apache-2.0
export * from './control-lock.ts';
export * from './each-source.ts';
export * from './every-frame.ts';
export * from './fixed-controls.ts';
export * from './no-controls.ts';
export * from './quality-source.ts';
export * from './shared-source.ts';
export * from './source-controls.ts';
export * from './source-error.ts';
export * from './with-controls.ts';
