// SPDX-License-Identifier: Apache-2.0
export { LinuxClock } from '../clock/index.ts';
export { SOURCE_ADAPTERS, type SourceAdapter, STDIN_KIND } from '../sources/index.ts';
export * from './config.ts';
export * from './config-error.ts';
export * from './daemon.ts';
export * from './daemon-process.ts';
export * from './ending-signals.ts';
export * from './load-config.ts';
export * from './logger.ts';
export * from './ready.ts';
export * from './source-choice.ts';
export * from './units.ts';
