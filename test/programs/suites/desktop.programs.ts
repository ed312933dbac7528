// SPDX-License-Identifier: Apache-2.0
import { cacheFolder } from '../../vm/lab/index.ts';
import { PROGRAMS } from '../programs.ts';
import { tellStories } from '../stories.ts';
import { programsTree } from '../tree.ts';

const progress = (part: string, step: string): void => void process.stderr.write(`${part}: ${step}\n`);
const tree = (): Promise<string> => programsTree(cacheFolder(), progress);

for (const program of PROGRAMS) tellStories(program, tree, true);
