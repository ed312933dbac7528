// SPDX-License-Identifier: Apache-2.0
import { lstatSync } from 'node:fs';
import type { DriverTransport } from '@paravideo/core';
import { SysError } from '../sys/index.ts';
import { FrontendError } from './frontend-error.ts';
import { connectVfioFrontend } from './vfio-user/vfio-frontend.ts';
import { connectFrontend } from './vhost-user/frontend.ts';

/** What a device's socket speaks. */
export type SocketTransport = 'vhost-user' | 'vfio-user';

/**
 * Milliseconds for a first answer before the other transport is tried: both tries fit into the 3 s that a person waits. Who named
 * the transport waits longer for a server that is silent to both, for the machine may be busy.
 */
const FIRST_WITHIN = 1200;

/**
 * Connects to a device as a virtual machine would. A socket that speaks the other transport is noticed: it is used where no
 * transport was asked for, and named in the error where one was. Throws `FrontendError` and `PciError`, whose messages name the
 * socket and the remedy.
 */
export async function connectGuest(path: string, transport?: SocketTransport): Promise<DriverTransport> {
  const first = transport ?? 'vhost-user';
  const attempt = await tryTransport(path, first, FIRST_WITHIN);
  if (!(attempt instanceof FrontendError)) return attempt;
  const second: SocketTransport = first === 'vhost-user' ? 'vfio-user' : 'vhost-user';
  const other = await tryTransport(path, second, FIRST_WITHIN);
  if (!(other instanceof FrontendError)) {
    if (transport === undefined) return other;
    await other.close();
    throw new FrontendError(`${path} speaks ${second}: add --transport ${second}`);
  }
  // A server that is silent to its own protocol, and closes at the other one, is only slow: it gets the full time.
  if (attempt.why === 'silent' && (other.why !== 'silent' || transport !== undefined)) {
    const again = await tryTransport(path, first);
    if (!(again instanceof FrontendError)) return again;
    throw described(path, again);
  }
  throw described(path, attempt);
}

/** A connection over one transport, or why there is none although somebody listens. Throws what another transport does not mend. */
async function tryTransport(
  path: string,
  transport: SocketTransport,
  firstWithin?: number,
): Promise<DriverTransport | FrontendError> {
  const o = firstWithin === undefined ? {} : { firstWithin };
  try {
    return await (transport === 'vfio-user' ? connectVfioFrontend(path, o) : connectFrontend(path, o));
  } catch (error) {
    if (error instanceof SysError && error.call === 'connect') throw nobodyListens(path, error);
    if (error instanceof FrontendError && error.why !== 'refused') return error;
    throw error;
  }
}

function nobodyListens(path: string, error: SysError): FrontendError {
  const remedy: Record<string, string> = {
    ENOENT: 'there is no such socket: start `paravideo serve` first, or correct the path',
    ECONNREFUSED: isSocket(path)
      ? 'nobody listens there any more: start `paravideo serve` again'
      : 'it is no socket: name the one that `paravideo serve` made',
    EACCES: 'you may not connect to it: run this as the user that runs the daemon, or open the folder and the socket to you',
    EAGAIN: 'its queue of connections is full: stop what connects there all the time',
  };
  return new FrontendError(`${path}: ${remedy[error.code] ?? error.message}`);
}

function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket();
  } catch {
    return false;
  }
}

function described(path: string, error: FrontendError): FrontendError {
  switch (error.why) {
    case 'closed':
      return new FrontendError(
        `${path} closed the connection at once: it serves one front-end at a time, so a virtual machine may be using it (stop ` +
          'that one, or name another socket), or its device could not be made (the log of the daemon says why)',
        'closed',
      );
    case 'silent':
      return new FrontendError(
        `${path} accepts connections but answers neither vhost-user nor vfio-user: is it another program's socket, or a device ` +
          'that hangs? Where the machine is busy, name the transport: it is waited for longer',
        'silent',
      );
    case 'garbled':
      return new FrontendError(
        `${path} speaks neither vhost-user nor vfio-user (${error.message}): name another socket`,
        'garbled',
      );
    case 'refused':
      return error;
  }
}
