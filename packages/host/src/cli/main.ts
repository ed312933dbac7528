// SPDX-License-Identifier: Apache-2.0
/** The command `paravideo`, once bin/ found a Node that runs it. Errors are one line with the remedy; exit codes are in `exit-codes.ts`. */
import { Command, CommanderError } from 'commander';
import { EXIT } from './exit-codes.ts';

// Node would open its inspector, on a port, in a process that may be root's.
process.on('SIGUSR1', () => {});

// Whoever reads the output may have enough of it, as `head` has: what is written then goes nowhere, and the command ends as it would.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

/** What adds each command to the program; each is loaded with all that it needs, so only the one that is asked for is. */
const COMMANDS: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  serve: async () => (await import('./serve-command.ts')).addServe,
  demo: async () => (await import('./demo-command.ts')).addDemo,
  probe: async () => (await import('./probe-command.ts')).addProbe,
  check: async () => (await import('./check-command.ts')).addCheck,
  bench: async () => (await import('./bench-command.ts')).addBench,
  doctor: async () => (await import('./doctor-command.ts')).addDoctor,
  qemu: async () => (await import('./qemu-command.ts')).addQemu,
  'qemu-args': async () => (await import('./qemu-command.ts')).addQemuArgs,
};

const program = new Command('paravideo')
  .description('Cameras and video decoders for virtual machines, over vhost-user')
  .version('0.1.0')
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'paravideo: ')) })
  .showHelpAfterError('(see --help)')
  .exitOverride();

const wanted = process.argv[2] ?? '';
// Anything else is help, a version or a mistake, which need the names of all.
const loaders = Object.hasOwn(COMMANDS, wanted) ? [COMMANDS[wanted]] : Object.values(COMMANDS);
for (const load of loaders) (await load?.())?.(program);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else {
    const { explain } = await import('./explain.ts');
    const { lines, status } = explain(error);
    for (const line of lines) console.error(`paravideo: ${line}`);
    process.exitCode = status;
  }
}
