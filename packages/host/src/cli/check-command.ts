// SPDX-License-Identifier: Apache-2.0
import {
  type ConformanceReport,
  countResults,
  idResults,
  reportText,
  runConformance,
  type TestStream,
} from '@paravideo/core/conformance';
import { type Command, Option } from 'commander';
import { avInstalled } from '../av/index.ts';
import { LinuxClock } from '../clock/index.ts';
import { TRANSPORTS } from '../daemon/index.ts';
import { connectGuest, type SocketTransport } from '../frontend/index.ts';
import { CODED_FORMATS, carriedFiles, openCodedFile } from './demo/index.ts';
import { EXIT } from './exit-codes.ts';

interface CheckFlags {
  readonly json?: boolean;
  readonly transport?: SocketTransport;
}

const EXAMPLES = `
Examples:
  paravideo check /run/cam.sock
  paravideo check /run/dec.sock --json | jq '.results[] | select(.outcome == "fail")'

The back-end must have no other front-end meanwhile. Ends with 1 if a check failed.`;

/** Adds `paravideo check`. */
export function addCheck(program: Command): void {
  program
    .command('check')
    .description('check any virtio-media back-end against the MUSTs of the specification, without a virtual machine')
    .argument('<socket>', 'socket of the back-end')
    .addOption(new Option('--transport <name>', 'what the socket speaks (default: found out)').choices(TRANSPORTS))
    .option('--json', 'print the report as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (socket: string, flags: CheckFlags) => {
      const report = await check(socket, flags.transport);
      if (flags.json) console.log(JSON.stringify({ ...report, ids: idResults(report), counts: countResults(report) }, null, 2));
      else process.stdout.write(reportText(report));
      if (countResults(report).fail > 0 || report.gone !== undefined) process.exitCode = EXIT.failed;
    });
}

async function check(socket: string, kind: SocketTransport | undefined): Promise<ConformanceReport> {
  const transport = await connectGuest(socket, kind);
  try {
    const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 5));
    return await runConformance(transport, { clock: new LinuxClock(), pause, streams: await testStreams() });
  } finally {
    await transport.close();
  }
}

/** The small files that the project carries, as streams for the checks of decoders; none without the library that takes files apart. */
async function testStreams(): Promise<TestStream[]> {
  if (!avInstalled()) return [];
  const streams: TestStream[] = [];
  for (const path of carriedFiles()) {
    await using file = await openCodedFile(path);
    const chunks: Uint8Array[] = [];
    for await (const { bytes } of file.units()) chunks.push(bytes);
    streams.push({ coded: CODED_FORMATS[file.codec], chunks });
  }
  return streams;
}
