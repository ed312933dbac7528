// SPDX-License-Identifier: Apache-2.0
/** What a process that writes pictures is sent of each layout: by the daemon, over two sockets. */
import { type ColourPlane, FITS } from '@paravideo/core';
import type { Av } from '../../av/node-av.ts';
import { ChildProtocolError } from '../../isolation/child/child-protocol-error.ts';
import { type Fd, fileSize, MemoryMapping, receive } from '../../sys/index.ts';
import type { OpenedLayout } from './opened-layout.ts';
import { PictureWriter } from './picture-writer.ts';
import { RAW_PICTURES } from './raw-pictures.ts';

/** The descriptor that belongs to the message at hand: it was sent before it. Throws ChildProtocolError if there is none. */
export function sentDescriptor(socket: Fd): Fd {
  const got = receive(socket, new Uint8Array(1), 1);
  const fd = got === 'again' || got === 'closed' ? undefined : got.fds[0];
  if (fd === undefined) throw new ChildProtocolError('the descriptor of a file, or of memory for a layout, did not come');
  return fd;
}

/** The memory for the pictures of a layout. */
export function sentPool(socket: Fd): MemoryMapping {
  using fd = sentDescriptor(socket);
  return MemoryMapping.map(fd, 0, fileSize(fd), { writable: true });
}

/** Writes the pictures of a layout. */
export function sentWriter(av: Av, layout: OpenedLayout): PictureWriter {
  const { width, height, matrix, rest: list = [] } = layout;
  const colours: ColourPlane[] = [];
  for (let i = 0; i + 3 < list.length; i += 4) {
    const [offset = 0, stride = 0, rows = 0, lineBytes = 0] = list.slice(i, i + 4);
    colours.push({ buffer: 0, offset, stride, rows, lineBytes });
  }
  const format = RAW_PICTURES[layout.format] ?? 'nv12';
  const fit = FITS[layout.fit] ?? 'contain';
  return new PictureWriter(av, { format, width, height, fullRange: layout.fullRange === 1, matrix, fit, colours });
}
