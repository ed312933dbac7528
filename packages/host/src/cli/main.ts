#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
/** The command `paravideo`. Errors are one line with the remedy; exit codes are in `exit-codes.ts`. */
import { Command, CommanderError } from 'commander';
import { EXIT } from './exit-codes.ts';
import { explain } from './explain.ts';

if (process.platform !== 'linux') {
  console.error(`paravideo: this system is ${process.platform}; only Linux has memfds, eventfds and vhost-user: run it there`);
  process.exit(EXIT.unavailable);
}

const program = new Command('paravideo')
  .description('Cameras and video decoders for virtual machines, over vhost-user')
  .version('0.1.0')
  .showHelpAfterError('(see --help)')
  .exitOverride();

// Each command brings its own libraries: loaded here, after the refusal above, so that it can be given anywhere.
const [{ addServe }, { addDemo }, { addProbe }, { addCheck }, { addBench }, { addDoctor }, { addQemu }] = await Promise.all([
  import('./serve-command.ts'),
  import('./demo-command.ts'),
  import('./probe-command.ts'),
  import('./check-command.ts'),
  import('./bench-command.ts'),
  import('./doctor-command.ts'),
  import('./qemu-command.ts'),
]);
for (const add of [addServe, addDemo, addProbe, addCheck, addBench, addDoctor, addQemu]) add(program);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else {
    const { lines, status } = explain(error);
    for (const line of lines) console.error(`paravideo: ${line}`);
    process.exitCode = status;
  }
}
