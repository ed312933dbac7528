// SPDX-License-Identifier: Apache-2.0
/** The command `paravideo`, once bin/ found a Node that runs it. Errors are one line with the remedy; exit codes are in `exit-codes.ts`. */
import { Command, CommanderError } from 'commander';
import { addBench } from './bench-command.ts';
import { addCheck } from './check-command.ts';
import { addDemo } from './demo-command.ts';
import { addDoctor } from './doctor-command.ts';
import { EXIT } from './exit-codes.ts';
import { explain } from './explain.ts';
import { addProbe } from './probe-command.ts';
import { addQemu } from './qemu-command.ts';
import { addServe } from './serve-command.ts';

// Node would open its inspector, on a port, in a process that may be root's.
process.on('SIGUSR1', () => {});

const program = new Command('paravideo')
  .description('Cameras and video decoders for virtual machines, over vhost-user')
  .version('0.1.0')
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'paravideo: ')) })
  .showHelpAfterError('(see --help)')
  .exitOverride();

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
