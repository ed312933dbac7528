// SPDX-License-Identifier: Apache-2.0
import { type PlaneStorage, SharedSource } from '@paravideo/core';
import { frameSourceSuite } from '@paravideo/core/conformance';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { viewAt } from '../../sys/index.ts';
import { withLandlock } from '../../sys/testing/with-landlock.ts';
import { LiveRig } from './testing/live-rig.ts';
import { Film, StreamServer } from './testing/stream-server.ts';

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe.runIf(withLandlock)('a live stream conforms to the port:', () => {
  let film: Film;
  let server: StreamServer;
  beforeAll(async () => {
    film = new Film();
    server = StreamServer.ofFilm(film);
    await server.start();
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    film[Symbol.dispose]();
  });

  const suite = frameSourceSuite(async () => {
    const live = new LiveRig();
    const capture = await live.open({ url: server.url() });
    await live.untilPresent();
    return {
      source: new SharedSource(capture),
      step: pause,
      read: (storage: PlaneStorage) => (storage.kind === 'address' ? viewAt(storage.address, storage.length) : new Uint8Array(0)),
      close: () => live[Symbol.asyncDispose](),
    };
  });
  for (const { title, run } of suite) it(title, run);
});
