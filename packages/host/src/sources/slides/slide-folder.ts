// SPDX-License-Identifier: Apache-2.0
/**
 * The pictures of a folder. It is opened anew for each round, and its files are opened by their names in it: a link leads nowhere, and
 * a FIFO or a device holds nobody up.
 */
import { close, constants, type Dirent, fstat, open, type Stats } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { Fd } from '../../sys/index.ts';

const opened = promisify(open);
const stated = promisify(fstat);
const closed = promisify(close);

/** Files of a folder that are shown. */
export const MAX_SLIDES = 10_000;
/** Bytes of a file that is shown. */
export const MAX_SLIDE_BYTES = 2 ** 28;

/** A file of the folder: which one it is, and as whom it was found. */
export interface Slide {
  readonly name: string;
  readonly file: Fd;
  /** another text when the file is another, or was written again */
  readonly stamp: string;
}

const inOrder = new Intl.Collator('en', { numeric: true });

/** See the top of the file. */
export class SlideFolder {
  readonly #path: string;
  #folder: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Looks into the folder: the names of its files in the order in which people have them, 2 before 10, without hidden ones. Rejects with
   * the error of the system if it cannot be opened.
   */
  async names(): Promise<readonly string[]> {
    const folder = await opened(this.#path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NONBLOCK);
    const before = this.#folder;
    this.#folder = folder;
    if (before !== undefined) await closed(before);
    const names: string[] = [];
    for await (const entry of await opendir(`/proc/self/fd/${folder}`)) {
      if (isShown(entry)) names.push(entry.name);
      if (names.length === MAX_SLIDES) break;
    }
    return names.toSorted((a, b) => inOrder.compare(a, b) || (a < b ? -1 : 1));
  }

  /** Opens one of them; the reason if it is nothing that can be shown. Its owner closes the file. */
  async open(name: string): Promise<Slide | string> {
    let file: number;
    try {
      file = await opened(
        `/proc/self/fd/${this.#folder}/${name}`,
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      );
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return code === 'ELOOP'
        ? 'it is a link, which may lead out of the folder: put the file itself there'
        : `it cannot be opened (${code})`;
    }
    const stats = await stated(file);
    const unfit = unfitReason(stats);
    if (unfit === undefined) return { name, file: Fd.adopt(file), stamp: `${stats.ino} ${stats.size} ${stats.mtimeMs}` };
    await closed(file);
    return unfit;
  }

  async close(): Promise<void> {
    const folder = this.#folder;
    this.#folder = undefined;
    if (folder !== undefined) await closed(folder);
  }
}

/** Folders in it are none of its pictures, and what is hidden belongs to programs. */
function isShown(entry: Dirent): boolean {
  return !entry.name.startsWith('.') && !entry.isDirectory();
}

function unfitReason(stats: Stats): string | undefined {
  if (!stats.isFile()) return 'it is no file: put a picture there';
  if (stats.size === 0) return 'it is empty';
  return stats.size > MAX_SLIDE_BYTES ? `it has more than ${MAX_SLIDE_BYTES} bytes` : undefined;
}
