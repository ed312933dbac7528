// SPDX-License-Identifier: Apache-2.0
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Config, type ConfigInput, checkConfig, createLogger, Daemon, loadConfig, TRANSPORTS } from '../daemon/index.ts';

interface ServeFlags {
  readonly config?: string;
  readonly camera?: readonly string[];
  readonly decoder?: readonly string[];
  readonly source?: string;
  readonly size?: string;
  readonly fps?: number;
  readonly planes?: 'single' | 'multi';
  readonly transport?: 'vhost-user' | 'vfio-user';
  readonly codecs?: string;
  readonly threads?: number;
  readonly log?: Config['log'];
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

  # everything from a file (docs/CONFIG.md)
  paravideo serve --config paravideo.yaml

SIGINT or SIGTERM ends it; nothing is left behind.`;

/** Adds `paravideo serve`. */
export function addServe(program: Command): void {
  program
    .command('serve')
    .description('serve cameras and decoders on vhost-user or vfio-user sockets')
    .option('-c, --config <file>', 'YAML file; the flags below add devices to it and override the rest')
    .option('--camera <socket...>', 'a camera on this socket (several: each gets the same picture)')
    .option('--decoder <socket...>', 'a decoder on this socket')
    .option('--source <file>', 'what the cameras of --camera show: a video file, or "pattern"')
    .option('--size <WxH>', 'default size of the cameras of --camera')
    .option('--fps <rate>', 'default rate of the cameras of --camera', number)
    .addOption(
      new Option('--planes <api>', 'buffers of the cameras of --camera: one memory plane or several').choices([
        'single',
        'multi',
      ]),
    )
    .addOption(
      new Option('--transport <name>', 'what the sockets of --camera and --decoder speak (default: vhost-user)').choices(
        TRANSPORTS,
      ),
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
      const log = createLogger(config.log);
      const daemon = await Daemon.start(config, log);
      await daemon.runUntilSignal(flags.readyFd, flags.untilEof === true);
    });
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number.');
  return value;
}

function mergeFlags(flags: ServeFlags): Config {
  const file = flags.config === undefined ? undefined : loadConfig(flags.config);
  const override = {
    ...(flags.log !== undefined && { log: flags.log }),
    ...(flags.workers !== undefined && { workers: flags.workers }),
    ...(flags.oldShmemBit === true && { 'old-shmem-bit': true }),
  };
  const added = flagDevices(flags);
  if (file !== undefined && added.devices.length === 0) return { ...file, ...override };
  const fromFlags = checkConfig({ ...override, ...added });
  if (file === undefined) return fromFlags;
  const merged = { ...file, ...override, sources: { ...file.sources, ...fromFlags.sources } };
  const names = new Set(file.devices.map((device) => device.name));
  const clash = fromFlags.devices.find((device) => names.has(device.name));
  const devices =
    clash === undefined ? fromFlags.devices : fromFlags.devices.map((device) => ({ ...device, name: `${device.name}-flags` }));
  return { ...merged, devices: [...file.devices, ...devices] };
}

/** The devices that the flags describe: one camera with as many sockets as were named, and one decoder. */
function flagDevices(flags: ServeFlags): Pick<ConfigInput, 'devices' | 'sources'> {
  const devices: ConfigInput['devices'] = [];
  const isFile = flags.source !== undefined && flags.source !== 'pattern';
  if (flags.camera !== undefined) {
    devices.push({
      kind: 'camera',
      name: 'camera',
      socket: [...flags.camera],
      source: isFile ? 'file' : 'pattern',
      ...(flags.transport !== undefined && { transport: flags.transport }),
      ...(flags.size !== undefined && { size: flags.size }),
      ...(flags.fps !== undefined && { fps: flags.fps }),
      ...(flags.planes !== undefined && { planes: flags.planes }),
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
  return { devices, ...(isFile && flags.source !== undefined && { sources: { file: { file: flags.source } } }) };
}
