// SPDX-License-Identifier: Apache-2.0
export { lavfiAdapter, screenAdapter, urlAdapter } from './live-adapters.ts';
export { type LiveOptions, openLiveStream } from './live-capture.ts';
