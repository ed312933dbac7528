// SPDX-License-Identifier: Apache-2.0
export type { Log } from './log.ts';
