// SPDX-License-Identifier: Apache-2.0
import { type Command, InvalidArgumentError, Option } from 'commander';
import { AV_INSTALL_COMMAND, avInstalled } from '../av/index.ts';
import {
  ConfigError,
  type ConfigInput,
  checkConfig,
  createLogger,
  Daemon,
  type DaemonConfig,
  fieldName,
  loadConfig,
  STDIN_KIND,
  TRANSPORTS,
} from '../daemon/index.ts';
import { joinCgroups } from '../isolation/child/index.ts';
import { CliError } from './cli-error.ts';
import { EXIT } from './exit-codes.ts';
import { namedSink, SINK_ENDINGS } from './named-sink.ts';
import { namedSource } from './named-source.ts';

interface ServeFlags {
  readonly config?: string;
  readonly camera?: readonly string[];
  readonly output?: readonly string[];
  readonly sink?: readonly string[];
  readonly decoder?: readonly string[];
  readonly proxy?: readonly string[];
  readonly device?: string;
  readonly source?: string;
  readonly size?: string;
  readonly fps?: number;
  readonly planes?: 'single' | 'multi';
  readonly transport?: 'vhost-user' | 'vfio-user';
  readonly codecs?: string;
  readonly threads?: number;
  readonly log?: DaemonConfig['log'];
  readonly workers?: number;
  readonly oldShmemBit?: boolean;
  readonly readyFd: number;
  readonly untilEof?: boolean;
}

const EXAMPLES = `
Examples:
  # a test pattern camera, and a decoder, for one guest
  paravideo serve --camera /run/cam.sock --decoder /run/dec.sock

  # a video file as the camera of two guests
  paravideo serve --camera /run/a.sock --camera /run/b.sock --source clip.mp4 --size 1280x720 --fps 30

  # what another program writes as a camera (docs/RAW-FRAMES.md)
  ffmpeg -v error -re -i clip.mp4 -pix_fmt yuv420p -f yuv4mpegpipe - | paravideo serve --camera /run/cam.sock --source -

  # what a guest plays into a file, and into a window
  paravideo serve --output /run/out.sock --sink film.mkv --sink '| ffplay -loglevel error -'

  # a codec, capture card or other V4L2 device of this machine, whole (docs/PROXY.md)
  paravideo serve --proxy /run/proxy.sock --device /dev/video0

  # everything from a file (docs/CONFIG.md)
  paravideo serve --config paravideo.yaml

SIGINT, SIGTERM, SIGHUP or SIGQUIT ends it, as does a terminal that is closed; nothing is left behind.`;

/** Adds `paravideo serve`. */
export function addServe(program: Command): void {
  program
    .command('serve')
    .description('serve cameras, outputs, decoders and V4L2 devices of this machine on vhost-user or vfio-user sockets')
    .option('-c, --config <file>', 'YAML file; the flags below add devices to it and override the rest')
    .option('--camera <socket>', 'a camera on this socket (again for more: each shows the same picture)', several)
    .option('--decoder <socket>', 'a decoder on this socket (again for more)', several)
    .option('--proxy <socket>', 'the V4L2 device of --device, whole, on this socket (again for more)', several)
    .option('--device <node>', 'what --proxy hands through: /dev/video0, the name of a device or its serial number', once)
    .option(
      '--source <file>',
      'what the cameras of --camera show: a camera of this machine (/dev/video0), or of libcamera (libcamera:front), a live stream (rtsp://host/path), a video file, "pattern", or "-": YUV4MPEG2 on standard input',
      once,
    )
    .option('--output <socket>', 'an output on this socket, into which a guest plays (again for more guests)', several)
    .option(
      '--sink <target>',
      `where the outputs of --output go: a file (${SINK_ENDINGS}), a node of v4l2loopback (/dev/video9), rtsp:PORT, http:PORT, or "| program arguments" (again for more)`,
      several,
    )
    .option('--size <WxH>', 'default size of the cameras of --camera, and of the outputs of --output', once)
    .option('--fps <rate>', 'default rate of the cameras of --camera, and of the outputs of --output', number)
    .addOption(
      new Option('--planes <api>', 'buffers of the cameras of --camera: one memory plane or several').choices([
        'single',
        'multi',
      ]),
    )
    .addOption(
      new Option(
        '--transport <name>',
        'what the sockets of --camera, --output, --decoder and --proxy speak (default: vhost-user)',
      ).choices(TRANSPORTS),
    )
    .option('--codecs <list>', 'codecs of the decoders of --decoder, separated by commas')
    .option('--threads <n>', 'decoding threads per stream of the decoders of --decoder', number)
    .option('--workers <n>', 'threads that copy pixels', number)
    .option('--old-shmem-bit', 'offer shared memory by bit 21, as patched front-ends before QEMU 11.1 want it')
    .addOption(
      new Option('--log <level>', 'least severe lines of the log on standard error').choices([
        'trace',
        'debug',
        'info',
        'warn',
        'error',
        'silent',
      ]),
    )
    .option('--ready-fd <fd>', 'where to write "ready" and the list of sockets once all of them accept connections', number, 1)
    .option('--until-eof', 'end when standard input does, too: for programs that start the daemon')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: ServeFlags) => {
      const config = mergeFlags(flags);
      refuseSharedInput(config, flags);
      needCodecs(config);
      const log = createLogger(config.log);
      // Before any thread or child of the daemon: those made while it moves wait for it.
      joinCgroups();
      const daemon = await Daemon.start(config, log);
      await daemon.runUntilSignal(flags.readyFd, flags.untilEof === true);
    });
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number.');
  return value;
}

/** A flag that describes all devices of one kind cannot say two things. */
function once(value: string, before?: string): string {
  if (before !== undefined) {
    throw new InvalidArgumentError(`It was given as ${before} already: devices that differ need a file (--config).`);
  }
  return value;
}

const several = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** A decoder that could only turn its guests away is no use to anybody. Throws `CliError`. */
function needCodecs(config: DaemonConfig): void {
  const decoder = config.devices.find((device) => device.kind === 'decoder');
  if (decoder === undefined || avInstalled()) return;
  throw new CliError(
    `the decoder ${decoder.name} needs the codec library node-av: ${AV_INSTALL_COMMAND} (test patterns do without)`,
    EXIT.unavailable,
  );
}

/** Standard input is either a camera or what ends the daemon. Throws `ConfigError`. */
function refuseSharedInput({ sources }: DaemonConfig, { untilEof }: ServeFlags): void {
  const source = Object.entries(sources).find(([, each]) => each.kind === 'adapted' && each.adapter.kind === STDIN_KIND);
  if (source !== undefined && untilEof === true)
    throw new ConfigError([`--until-eof and the source ${source[0]} both want standard input: leave one of them out`]);
}

/** Flags that say something about the devices of other flags, which must be there. */
const ABOUT: readonly [flag: keyof ServeFlags, name: string, of: readonly (keyof ServeFlags)[]][] = [
  ['source', '--source', ['camera']],
  ['sink', '--sink', ['output']],
  ['size', '--size', ['camera', 'output']],
  ['fps', '--fps', ['camera', 'output']],
  ['planes', '--planes', ['camera']],
  ['codecs', '--codecs', ['decoder']],
  ['threads', '--threads', ['decoder']],
  ['device', '--device', ['proxy']],
  ['transport', '--transport', ['camera', 'output', 'decoder', 'proxy']],
];

/** Throws `ConfigError` for flags that would change nothing. */
function refuseIdleFlags(flags: ServeFlags): void {
  const problems = ABOUT.filter(([flag, , of]) => flags[flag] !== undefined && of.every((each) => flags[each] === undefined)).map(
    ([, name, of]) =>
      `${name} has no effect without ${of.map((each) => `--${each}`).join(' or ')}: devices of a file have it in the file`,
  );
  if (problems.length > 0) throw new ConfigError(problems);
  if (flags.proxy !== undefined && flags.device === undefined) {
    throw new ConfigError(['--proxy needs --device: the V4L2 device that is handed through, such as /dev/video0']);
  }
  if ([flags.config, flags.camera, flags.output, flags.decoder, flags.proxy].every((each) => each === undefined)) {
    throw new ConfigError([
      'nothing to serve: give --camera SOCKET, --output SOCKET, --decoder SOCKET, --proxy SOCKET or --config FILE',
    ]);
  }
}

function mergeFlags(flags: ServeFlags): DaemonConfig {
  refuseIdleFlags(flags);
  const override = {
    ...(flags.log !== undefined && { log: flags.log }),
    ...(flags.workers !== undefined && { workers: flags.workers }),
    ...(flags.oldShmemBit === true && { 'old-shmem-bit': true }),
  };
  const input = { ...override, ...flagDevices(flags) };
  return flags.config === undefined
    ? checkConfig(input, { nameOf: flagName })
    : loadConfig(flags.config, input, { nameOf: flagName });
}

/** What a field is called on the command line. What a file says was checked before, under its own names. */
function flagName(path: readonly PropertyKey[], value: unknown): string {
  const field = path.findLast((key) => typeof key === 'string');
  const written = ['string', 'number', 'boolean'].includes(typeof value) ? ` ${value}` : '';
  if (path[0] === 'devices' && field === 'socket') return 'the socket of --camera, --output, --decoder or --proxy';
  if (path[0] === 'sources') return `--source${written}`;
  if (path.includes('sinks')) return `--sink${written}`;
  return typeof field === 'string' && field !== 'devices' ? `--${field}${written}` : fieldName(path);
}

/** The devices that the flags describe: one camera with as many sockets as were named, one decoder and one proxy. */
function flagDevices(flags: ServeFlags): Pick<ConfigInput, 'devices' | 'sources'> {
  const devices: ConfigInput['devices'] = [];
  const source = flagSource(flags.source);
  if (flags.camera !== undefined) {
    devices.push({
      kind: 'camera',
      name: 'camera',
      socket: [...flags.camera],
      source: source === undefined ? 'pattern' : source.name,
      ...(flags.transport !== undefined && { transport: flags.transport }),
      ...(flags.size !== undefined && { size: flags.size }),
      ...(flags.fps !== undefined && { fps: flags.fps }),
      ...(flags.planes !== undefined && { planes: flags.planes }),
    });
  }
  if (flags.output !== undefined) {
    devices.push({
      kind: 'output',
      name: 'output',
      socket: [...flags.output],
      sinks: (flags.sink ?? []).map((written) => ({ ...namedSink(written) })),
      ...(flags.transport !== undefined && { transport: flags.transport }),
      ...(flags.size !== undefined && { size: flags.size }),
      ...(flags.fps !== undefined && { fps: flags.fps }),
    });
  }
  if (flags.decoder !== undefined) {
    devices.push({
      kind: 'decoder',
      name: 'decoder',
      socket: [...flags.decoder],
      ...(flags.transport !== undefined && { transport: flags.transport }),
      ...(flags.codecs !== undefined && { codecs: flags.codecs.split(',') as never }),
      ...(flags.threads !== undefined && { threads: flags.threads }),
    });
  }
  if (flags.proxy !== undefined && flags.device !== undefined) {
    devices.push({
      kind: 'proxy',
      name: 'proxy',
      socket: [...flags.proxy],
      device: flags.device,
      ...(flags.transport !== undefined && { transport: flags.transport }),
    });
  }
  return { devices, ...(source !== undefined && { sources: { [source.name]: source.settings } }) };
}

/** The source that `--source` names; undefined for the test pattern. */
function flagSource(named: string | undefined): { name: string; settings: Record<string, unknown> } | undefined {
  if (named === '-') return { name: STDIN_KIND, settings: { stdin: null } };
  const settings = named === undefined ? undefined : namedSource(named);
  return settings && { name: 'shown', settings: { ...settings } };
}
