// SPDX-License-Identifier: Apache-2.0
/** Checks that imports go down the layers, that there are no cycles, and that native code stays in its folder. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkLayers } from './layers.ts';
import { ROOT, report, repositoryFiles } from './source-files.ts';

const files = repositoryFiles()
  .filter((path) => /^packages\/[^/]+\/(src|test)\/.*\.ts$/.test(path))
  .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
report('layers', files.length, checkLayers(files));
