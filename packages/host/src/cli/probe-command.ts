// SPDX-License-Identifier: Apache-2.0
import { describeDevice, describeText } from '@paravideo/core/conformance';
import { type Command, Option } from 'commander';
import { TRANSPORTS } from '../daemon/index.ts';
import type { SocketTransport } from '../frontend/index.ts';
import { withGuest } from './demo/index.ts';

const EXAMPLES = `
Examples:
  paravideo probe /run/cam.sock
  paravideo probe /run/cam.sock --json | jq .card`;

/** Adds `paravideo probe`. */
export function addProbe(program: Command): void {
  program
    .command('probe')
    .description('show all that a virtio-media back-end offers: formats, sizes, rates, controls; no virtual machine needed')
    .argument('<socket>', 'socket of the back-end')
    .addOption(new Option('--transport <name>', 'what the socket speaks (default: found out)').choices(TRANSPORTS))
    .option('--json', 'print it as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (socket: string, flags: { json?: boolean; transport?: SocketTransport }) => {
      const device = await withGuest(socket, describeDevice, flags.transport);
      console.log(flags.json ? JSON.stringify(device, bigints, 2) : describeText(device).trimEnd());
    });
}

/** Values of 64-bit controls: JSON has no integers that large. */
function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
