// SPDX-License-Identifier: Apache-2.0
import { commandSinkAdapter } from './command-sink.ts';
import { fileSinkAdapter } from './file-sink.ts';
import { httpSinkAdapter } from './http/http-sink.ts';
import { nodeSinkAdapter } from './node/node-sink.ts';
import { rtspSinkAdapter } from './rtsp/rtsp-sink.ts';
import type { SinkAdapter } from './sink-adapter.ts';

/** The kinds of sinks that a configuration can name. */
export const SINK_ADAPTERS: readonly SinkAdapter[] = [
  fileSinkAdapter,
  commandSinkAdapter,
  rtspSinkAdapter,
  httpSinkAdapter,
  nodeSinkAdapter,
];
