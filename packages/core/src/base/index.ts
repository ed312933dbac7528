// SPDX-License-Identifier: Apache-2.0
export * from './bits.ts';
export * from './bytes.ts';
export * from './numbers.ts';
export * from './saved-state.ts';
