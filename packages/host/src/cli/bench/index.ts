// SPDX-License-Identifier: Apache-2.0
export * from './bench-error.ts';
export * from './bench-socket.ts';
export type { DecodeRun } from './decode-speed.ts';
export type { RoundTrip } from './latency.ts';
export * from './process-memory.ts';
export * from './run-bench.ts';
