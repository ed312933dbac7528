// SPDX-License-Identifier: Apache-2.0
export * from './classes.ts';
export * from './control.ts';
export * from './control-error.ts';
export * from './control-events.ts';
export * from './control-query.ts';
export * from './control-set.ts';
export type * from './control-state.ts';
export * from './control-validate.ts';
export * from './control-values.ts';
