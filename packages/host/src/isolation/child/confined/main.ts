// SPDX-License-Identifier: Apache-2.0
/**
 * What a child that may open files is first: it gives up all others, and becomes the program that it is to be. Landlock binds a thread
 * and what comes of it; Node has others from its first moment on, which do not outlive this.
 *
 *     node … main.ts [files] [descriptors] [script] [arguments …]
 */
import { become, restrictFiles } from '../../../sys/index.ts';
import { LINK_FD } from '../descriptors.ts';
import { programFiles } from './program-files.ts';

const [files = '[]', descriptors = '0', script = '', ...args] = process.argv.slice(2);
const program = programFiles(script);
restrictFiles({ read: [...program.read, ...(JSON.parse(files) as string[])], run: program.run });
become(process.execPath, [...process.execArgv, script, ...args], LINK_FD + Number(descriptors));
