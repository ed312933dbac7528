// SPDX-License-Identifier: Apache-2.0
export * from './check.ts';
export { CheckContext, type ConformanceOptions, type TestStream } from './check-context.ts';
export * from './must-ids.ts';
export * from './report.ts';
export * from './suite.ts';
