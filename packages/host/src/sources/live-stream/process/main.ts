// SPDX-License-Identifier: Apache-2.0
/**
 * The process of one connection to a live stream. It has memory for pictures, two sockets to the daemon, and what its origin needs: the
 * network and the files of the resolver and of certificates, an X server and its key, or nothing. No guest, no other file. The stream is
 * opened when the door is already closed.
 */
import { readSync } from 'node:fs';
import { type AvFrame, countPicturesAsHeap, loadAv } from '../../../av/node-av.ts';
import { LinuxClock } from '../../../clock/index.ts';
import { FIRST_GIVEN_FD, LINK_FD } from '../../../isolation/child/descriptors.ts';
import { ParentLink } from '../../../isolation/child/parent-link.ts';
import { bindToParent, enterSandbox } from '../../../isolation/child/sandbox.ts';
import { DATA_BYTES } from '../../../isolation/child/sandbox-limits.ts';
import { Fd, fileSize, type MemoryMapping, setNonBlocking, watch } from '../../../sys/index.ts';
import type { PictureWriter } from '../../scaling/picture-writer.ts';
import { sentPool, sentWriter } from '../../scaling/sent-rendition.ts';
import { STAGES, type Stage } from '../live-fault.ts';
import { type LiveReport, type LiveRequest, liveReports, liveRequests } from '../live-messages.ts';
import type { ProcessSettings } from '../live-origin.ts';
import { LiveFault } from './live-fault.ts';
import { LiveReader } from './live-reader.ts';
import { PictureShelf, type ShelvedPicture } from './picture-shelf.ts';
import { PulledClock } from './pulled-clock.ts';
import { StreamClock } from './stream-clock.ts';

/** Microseconds of a film that is fetched which are decoded ahead of their time. */
const AHEAD = 300_000;
/** Microseconds that a frame may come after its time and still be shown, if none has come after it. */
const PATIENCE = 200_000;
/** Microseconds between signs of life. */
const SIGN_EVERY = 1_000_000;

/** What the daemon wants pictures in. */
interface Rendition {
  readonly id: number;
  readonly pool: MemoryMapping;
  readonly writer: PictureWriter;
  /** where the next pictures may lie */
  readonly slots: number[];
}

bindToParent(Number(process.argv[2]));
countPicturesAsHeap();
const av = await loadAv();
const settings = readSettings();
Object.assign(process.env, settings.environment);
const pools = Fd.adopt(FIRST_GIVEN_FD + 1);
const clock = new LinuxClock();
let rendition: Rendition | undefined;
const link = new ParentLink((message) => handle(liveRequests.decode(message)));
const linkFd = Fd.adopt(LINK_FD);
setNonBlocking(linkFd);
watch(linkFd, () => link.exchange(false));
await enterSandbox({ kind: settings.kind, dataBytes: DATA_BYTES[settings.kind] });

function readSettings(): ProcessSettings {
  using file = Fd.adopt(FIRST_GIVEN_FD);
  const bytes = Buffer.alloc(fileSize(file));
  const text = bytes.toString('utf8', 0, readSync(file.number, bytes, 0, bytes.length, 0));
  // The file is as long as its pages.
  return JSON.parse(text.replace(/\0*$/, '')) as ProcessSettings;
}

function report(message: LiveReport): void {
  link.send(liveReports.encode(message));
  link.exchange(false);
}

function open(request: LiveRequest & { kind: 'open' }): void {
  rendition = { id: request.id, pool: sentPool(pools), writer: sentWriter(av, request), slots: [] };
}

function close(): void {
  rendition?.writer[Symbol.dispose]();
  rendition?.pool[Symbol.dispose]();
  rendition = undefined;
}

function handle(request: LiveRequest): void {
  switch (request.kind) {
    case 'open':
      close();
      open(request);
      break;
    case 'slot':
      if (rendition?.id === request.id) rendition.slots.push(request.offset);
      break;
    case 'close':
      if (rendition?.id === request.id) close();
      break;
  }
}

/** The last that is said: the daemon ends this process when it has heard of it. */
function fault(stage: Stage, code: number): void {
  report({ kind: 'fault', stage: STAGES.indexOf(stage), code });
}

function show(on: LiveReader, { frame, sequence, time }: ShelvedPicture): void {
  const offset = rendition?.slots[0];
  if (rendition === undefined || offset === undefined) return;
  if (!rendition.writer.write(frame, [rendition.pool.bytes().subarray(offset)], on.aspectOf(frame)))
    return fault('no-picture', 0);
  rendition.slots.shift();
  report({ kind: 'frame', id: rendition.id, offset, sequence, time: time - settings.lead });
}

/** Shows the stream until it ends: throws LiveFault then. */
async function play(on: LiveReader): Promise<never> {
  const drop = (frame: AvFrame): void => on.reuse(frame);
  const shelf = new PictureShelf({ now: () => clock.now(), show: (picture) => show(on, picture), drop });
  const times = on.pulled ? new PulledClock(settings.lead) : new StreamClock({ lead: settings.lead, patience: PATIENCE });
  let told = false;
  let sign = 0;
  for (let sequence = 0; ; ) {
    const frames = await on.next();
    const now = clock.now();
    for (const frame of frames) {
      if (!told) report({ kind: 'info', ...on.info(frame) });
      told = true;
      const at = times.frame(on.timeOf(frame) ?? now, now);
      if (at.anew) shelf.clear();
      if (at.late) drop(frame);
      else shelf.put({ frame, sequence, time: at.time });
      sequence += 1;
    }
    if (now - sign >= SIGN_EVERY) {
      sign = now;
      report({ kind: 'alive' });
    }
    while (on.pulled && shelf.ahead > AHEAD)
      await new Promise((resolve) => setTimeout(resolve, (shelf.ahead - AHEAD) / 1000 + 1));
  }
}

try {
  await play(await LiveReader.open(av, settings));
} catch (error) {
  if (!(error instanceof LiveFault)) throw error;
  fault(error.stage, error.code);
}
