// SPDX-License-Identifier: Apache-2.0
export * from './no-controls.ts';
export * from './shared-source.ts';
export * from './source-error.ts';
