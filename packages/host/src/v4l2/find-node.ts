// SPDX-License-Identifier: Apache-2.0
import { readdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the kernel lists V4L2 nodes. */
const CLASS = '/sys/class/video4linux';

/**
 * The node of a camera by its path (a link of /dev/v4l/by-id too), or by the name that its driver gives it (`Integrated Camera`), or
 * by the serial number of its USB device; of several nodes the first one of the device, which captures. Undefined if there is none.
 */
export async function findNode(device: string, folder = CLASS): Promise<string | undefined> {
  if (device.startsWith('/')) return device;
  const nodes = await readdir(folder).catch(() => []);
  const found: { readonly name: string; readonly index: number }[] = [];
  for (const name of nodes.filter((each) => /^video\d+$/.test(each))) {
    const at = join(folder, name);
    if ((await text(join(at, 'name'))) !== device && (await serialOf(at)) !== device) continue;
    found.push({ name, index: Number(await text(join(at, 'index'))) });
  }
  const number = (name: string): number => Number(name.slice('video'.length));
  found.sort((a, b) => a.index - b.index || number(a.name) - number(b.name));
  const [first] = found;
  return first === undefined ? undefined : join('/dev', first.name);
}

/** The serial number of the USB device above a node: its folder has the file `serial`. */
async function serialOf(node: string): Promise<string | undefined> {
  const device = await realpath(join(node, 'device')).catch(() => undefined);
  if (device === undefined) return undefined;
  return (await text(join(device, 'serial'))) ?? (await text(join(device, '..', 'serial')));
}

async function text(path: string): Promise<string | undefined> {
  const content = await readFile(path, 'utf8').catch(() => undefined);
  return content?.trim();
}
