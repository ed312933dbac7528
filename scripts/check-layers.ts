// SPDX-License-Identifier: Apache-2.0
/** Checks that imports go down the layers, that neither they nor the driver's files make a cycle, and where native code is used. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { driverCycles } from './driver-files.ts';
import { checkLayers } from './layers.ts';
import { ROOT, report, repositoryFiles } from './source-files.ts';

const filesOf = (pattern: RegExp) =>
  repositoryFiles()
    .filter((path) => pattern.test(path))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
const modules = filesOf(/^packages\/[^/]+\/(src|test)\/.*\.ts$/);
const driver = filesOf(/^guest\/linux\/[^/]+\.[ch]$/);
report('layers', modules.length + driver.length, [...checkLayers(modules), ...driverCycles(driver)]);
