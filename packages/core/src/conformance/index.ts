// SPDX-License-Identifier: Apache-2.0
export type * from './check.ts';
export { CheckContext, type ConformanceOptions, type TestStream } from './check-context.ts';
export * from './describe-device.ts';
export * from './describe-text.ts';
export * from './must-ids.ts';
export type * from './ports/buffer-access-suite.ts';
export { bufferAccessSuite } from './ports/buffer-access-suite.ts';
export type * from './ports/decoder-run.ts';
export { decoderSuite } from './ports/decoder-suite.ts';
export type * from './ports/frame-source-suite.ts';
export { frameSourceSuite } from './ports/frame-source-suite.ts';
export type * from './ports/host-buffers-suite.ts';
export { hostBuffersSuite } from './ports/host-buffers-suite.ts';
export { type PortCase, PortError } from './ports/port-case.ts';
export * from './report.ts';
export * from './suite.ts';
export { CheckFailure, CheckSkip } from './verdict.ts';
