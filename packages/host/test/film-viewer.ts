// SPDX-License-Identifier: Apache-2.0
/** A viewer in a process of its own: `film-viewer.ts URL COUNT FILE` writes the luma of so many pictures to a file, and says their size. */
import { writeFileSync } from 'node:fs';
import { decodedFilm } from './decoded-film.ts';

const [, , url = '', count = '', file = ''] = process.argv;
const { width, height, luma } = await decodedFilm(url, Number(count));
writeFileSync(file, Buffer.concat(luma.slice(0, Number(count))));
process.stdout.write(`${width}x${height}`);
process.exit(0);
