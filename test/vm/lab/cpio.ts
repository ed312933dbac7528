// SPDX-License-Identifier: Apache-2.0
/** One entry of an archive that the kernel unpacks at its start. */
export interface CpioEntry {
  /** path without a leading slash */
  readonly path: string;
  /** file type and permission bits, as `st_mode` */
  readonly mode: number;
  readonly bytes?: Uint8Array;
}

const MAGIC = '070701';
const TRAILER = 'TRAILER!!!';

/** An archive in the `newc` format of `Documentation/driver-api/early-userspace/buffer-format.rst`: parents before children. */
export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  const add = (inode: number, path: string, mode: number, bytes: Uint8Array) => {
    const name = Buffer.from(`${path}\0`);
    const links = mode === 0 ? 0 : 1;
    const fields = [inode, mode, 0, 0, links, 0, bytes.length, 0, 0, 0, 0, name.length, 0];
    const head = Buffer.from(MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join(''));
    parts.push(padded(Buffer.concat([head, name])), padded(Buffer.from(bytes)));
  };
  entries.forEach((entry, i) => {
    add(i + 1, entry.path, entry.mode, entry.bytes ?? new Uint8Array(0));
  });
  add(0, TRAILER, 0, new Uint8Array(0));
  return Buffer.concat(parts);
}

function padded(bytes: Buffer): Buffer {
  const rest = bytes.length % 4;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - rest)]);
}
