// SPDX-License-Identifier: Apache-2.0
/** Programs with a camera of ours, those that every test guest has; `npm run test:programs` has the others. */
import { PLAIN_PROGRAMS } from '../../programs/programs.ts';
import { tellStories } from '../../programs/stories.ts';
import { cacheFolder } from '../../vm/lab/index.ts';
import { setupUml } from '../lab/index.ts';

const tree = async (): Promise<string> => (await setupUml({ cache: cacheFolder() })).tools;

for (const program of PLAIN_PROGRAMS) tellStories(program, tree, false);
