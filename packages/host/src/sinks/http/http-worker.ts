// SPDX-License-Identifier: Apache-2.0
/** The thread of an HTTP server: its clients cost the event loop of the daemon nothing. */
import type { PlaneStorage } from '@paravideo/core';
import { serveThread } from '../../isolation/worker/index.ts';
import { detach, viewAt } from '../../sys/index.ts';
import type { HttpAnswer, HttpRequest } from './http-messages.ts';
import { PictureServer } from './picture-server.ts';

let server: PictureServer | undefined;

serveThread<HttpRequest, HttpAnswer>((request, post) => {
  switch (request.kind) {
    case 'listen': {
      const opened = new PictureServer({
        wanted: (wanted) => post({ kind: 'wanted', wanted }),
        viewer: (client, viewers) => post({ kind: 'viewer', client, viewers }),
      });
      server = opened;
      opened.listen(request.host, request.port).then(
        (address) => post({ kind: 'listening', address }),
        (error: Error) => post({ kind: 'refused', reason: error.message }),
      );
      return;
    }
    case 'playing':
      if (server !== undefined) server.playing = request.playing;
      return;
    case 'frame': {
      const picture = copied(request.plane);
      post({ kind: 'copied', frame: request.frame });
      server?.show(picture);
      return;
    }
    case 'close':
      server?.close();
      server = undefined;
  }
});

function copied(plane: PlaneStorage): Uint8Array {
  if (plane.kind === 'bytes') return plane.bytes;
  const view = viewAt(plane.address, plane.length);
  try {
    return view.slice();
  } finally {
    detach(view);
  }
}
