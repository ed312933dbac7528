// SPDX-License-Identifier: Apache-2.0
/**
 * Packs the guest driver's sources as a Debian package that builds them for each kernel of a guest, by DKMS.
 *
 *   npm run guest:deb [-- --out FOLDER]
 */
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { command, LabError, REPOSITORY } from '../test/vm/lab/index.ts';

const { values } = parseArgs({ options: { out: { type: 'string', default: join(REPOSITORY, 'out') } } });
const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { version: string };

const NAME = 'paravideo-media';
const EXECUTABLE = 0o755;

/** Copies a text file with the version filled in. */
function fill(from: string, to: string, mode = 0o644): void {
  writeFileSync(to, readFileSync(join(REPOSITORY, 'guest', from), 'utf8').replaceAll('@VERSION@', version));
  chmodSync(to, mode);
}

async function main(): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'paravideo-deb-'));
  try {
    chmodSync(root, EXECUTABLE);
    const sources = join(root, 'usr/src', `${NAME}-${version}`);
    mkdirSync(sources, { recursive: true });
    mkdirSync(join(root, 'DEBIAN'));
    for (const name of readdirSync(join(REPOSITORY, 'guest/linux')).filter((file) => /\.[ch]$|^Kbuild$/.test(file))) {
      cpSync(join(REPOSITORY, 'guest/linux', name), join(sources, name));
    }
    fill('linux/dkms.conf', join(sources, 'dkms.conf'));
    fill('debian/control', join(root, 'DEBIAN/control'));
    for (const script of ['postinst', 'prerm']) fill(`debian/${script}`, join(root, 'DEBIAN', script), EXECUTABLE);
    mkdirSync(values.out, { recursive: true });
    const file = join(values.out, `${NAME}-dkms_${version}_all.deb`);
    await command('dpkg-deb', ['--root-owner-group', '--build', root, file], { what: 'packing the driver' });
    console.log(file);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
