// SPDX-License-Identifier: Apache-2.0
export { urlAdapter } from './live-adapter.ts';
export { type LiveOptions, openLiveStream } from './live-capture.ts';
export type { LiveSettings } from './live-settings.ts';
