// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs';
import { ContactSheet } from '../../../packages/host/src/cli/demo/contact-sheet.ts';
import { encodePng } from '../../../packages/host/src/cli/demo/rgb.ts';

/** Writes a sheet of thumbnails of the I420 pictures in a raw file, numbered from 0, as a PNG. */
export function writeSheet(raw: string, width: number, height: number, png: string): void {
  const bytes = readFileSync(raw);
  const size = (width * height * 3) / 2;
  const sheet = new ContactSheet();
  for (let i = 0; (i + 1) * size <= bytes.length; i++) {
    sheet.add(i, { width, height, bytes: bytes.subarray(i * size, (i + 1) * size) });
  }
  const image = sheet.render();
  if (image !== undefined) writeFileSync(png, encodePng(image));
}
