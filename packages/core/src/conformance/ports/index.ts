// SPDX-License-Identifier: Apache-2.0
export * from './buffer-access-suite.ts';
export * from './converter-suite.ts';
export * from './decoder-run.ts';
export * from './decoder-suite.ts';
export * from './frame-source-suite.ts';
export * from './host-buffers-suite.ts';
export * from './port-case.ts';
