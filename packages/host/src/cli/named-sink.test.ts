// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { namedSink } from './named-sink.ts';

it.each([
  ['film.mkv', { file: resolve('film.mkv') }],
  ['| ffplay -loglevel error  -', { command: ['ffplay', '-loglevel', 'error', '-'] }],
  ['rtsp:8554', { rtsp: 8554 }],
  ['rtsp:192.0.2.1:8554', { rtsp: '192.0.2.1:8554' }],
  ['rtsp://[::1]:8554/', { rtsp: '[::1]:8554' }],
  ['http:8090', { http: 8090 }],
  ['http://192.0.2.1:8090/', { http: '192.0.2.1:8090' }],
  ['/dev/video9', { device: '/dev/video9' }],
  ['device:Loopback Camera', { device: 'Loopback Camera' }],
])('--sink %s names a sink', (written, sink) => {
  expect(namedSink(written)).toEqual(sink);
});
