// SPDX-License-Identifier: Apache-2.0

export { CommandProcess, heard } from './command-process.ts';
export { FrameWriter, frameBands } from './frame-writer.ts';
export { printable } from './producer-fault.ts';
export { RAW_ADAPTERS, STDIN_KIND } from './raw-adapters.ts';
export { ReadShare } from './read-share.ts';
