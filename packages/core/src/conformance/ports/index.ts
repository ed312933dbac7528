// SPDX-License-Identifier: Apache-2.0
export * from './decoder-run.ts';
export * from './decoder-suite.ts';
export * from './port-case.ts';
