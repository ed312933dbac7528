// SPDX-License-Identifier: Apache-2.0
/** For tests: a descriptor whose closing waits. */
import koffi from 'koffi';
import { Fd } from '../fd.ts';
import { check, libc } from '../libc.ts';

const [AF_INET, SOCK_STREAM, SOL_SOCKET, SO_LINGER, MSG_DONTWAIT] = [2, 1, 1, 13, 0x40];

const library = koffi.load(null);
const connect = library.func('int connect(int, void *, uint32)');
const setsockopt = library.func('int setsockopt(int, int, int, void *, uint32)');
const write = library.func('int64 send(int, void *, size_t, int)');

/** A TCP connection to a port of this machine, full of bytes that nobody reads: its last close waits for an hour, or for a reset. */
export function lingeringSocket(port: number): Fd {
  const fd = Fd.adopt(check(libc.socket(AF_INET, SOCK_STREAM, 0), 'socket'));
  const address = Buffer.from([AF_INET, 0, port >> 8, port & 255, 127, 0, 0, 1, ...new Array<number>(8).fill(0)]);
  check(connect(fd.number, address, address.length), 'connect');
  check(setsockopt(fd.number, SOL_SOCKET, SO_LINGER, Buffer.from(new Int32Array([1, 3600]).buffer), 8), 'setsockopt');
  const bytes = Buffer.alloc(65536);
  while (Number(write(fd.number, bytes, bytes.length, MSG_DONTWAIT)) > 0);
  return fd;
}
