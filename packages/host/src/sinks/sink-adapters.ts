// SPDX-License-Identifier: Apache-2.0
import type { SinkAdapter } from './sink-adapter.ts';

/** The kinds of sinks that a configuration can name. */
export const SINK_ADAPTERS: readonly SinkAdapter[] = [];
