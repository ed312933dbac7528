// SPDX-License-Identifier: Apache-2.0
export { NoSignal, type NoSignalOptions } from './no-signal.ts';
