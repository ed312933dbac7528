// SPDX-License-Identifier: Apache-2.0
export * from './controls/index.ts';
export * from './events.ts';
export * from './payload/format-flags.ts';
export * from './payload/format-payload.ts';
export * from './payload/frame-sizes.ts';
export * from './payload/timestamp.ts';
