// SPDX-License-Identifier: Apache-2.0
export * from './recorder.ts';
export * from './recording-kind.ts';
