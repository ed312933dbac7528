// SPDX-License-Identifier: Apache-2.0
/**
 * What the daemon serves: the YAML file or the flags, checked against one schema. docs/CONFIG.md is the reference for people. Which
 * kinds of sources there are is said by their adapters.
 */
import { resolve } from 'node:path';
import { ARENA_ALIGN, FITS, type Fit } from '@paravideo/core';
import { z } from 'zod';
import { DEFAULT_ARENA_BYTES, MAX_ALL_GUEST_BYTES, MAX_ARENA_BYTES, MAX_GUEST_BYTES } from '../memory/index.ts';
import { MAX_PLAYED, SINK_ADAPTERS, type SinkAdapter } from '../sinks/index.ts';
import { ABSENCE_POLICIES, type AbsencePolicy, playedAdapter, type SourceAdapter } from '../sources/index.ts';
import { DEFAULT_VFIO_ARENA_BYTES } from '../transport/vfio-user/index.ts';
import { CONTROL_POLICIES } from './camera-controls.ts';
import { formatSize, parseSize } from './units.ts';

const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$/,
    'must be 1 to 31 letters, digits, dots, dashes or underscores, starting with a letter or digit',
  );

const size = z
  .string()
  .regex(/^\d{1,5}x\d{1,5}$/, 'must look like 1280x720')
  .transform((text) => {
    const [width = 0, height = 0] = text.split('x').map(Number);
    return { width, height };
  })
  .refine((s) => s.width >= 16 && s.height >= 16 && s.width <= 8192 && s.height <= 8192, 'must lie between 16x16 and 8192x8192');

const bytes = z.union([z.number(), z.string()]).transform((value, ctx) => {
  const parsed = typeof value === 'number' ? value : parseSize(value);
  if (parsed !== undefined && Number.isSafeInteger(parsed) && parsed > 0) return parsed;
  ctx.addIssue({ code: 'custom', message: 'must be a number of bytes, or one with KiB, MiB or GiB' });
  return z.NEVER;
});

/** The path must fit `sockaddr_un` and its zero byte. */
const socketPath = z
  .string()
  .min(1)
  .refine((path) => Buffer.byteLength(path) < 108, 'is longer than the 107 bytes that a unix socket address holds');
const sockets = z
  .union([socketPath, z.array(socketPath).min(1)])
  .transform((value) => (typeof value === 'string' ? [value] : value));

/** How a device reaches its virtual machine. */
export const TRANSPORTS = ['vhost-user', 'vfio-user'] as const;
const transport = z.enum(TRANSPORTS).default('vhost-user');

/** Which files may be guest memory. */
const memory = z.enum(['checked', 'any']).default('checked');

const fps = z.number().min(1).max(120);

/** A named source of a configuration that an adapter opens. */
export interface AdaptedSource {
  readonly kind: 'adapted';
  readonly adapter: SourceAdapter;
  /** checked by the adapter's schema */
  readonly settings: unknown;
  /** what becomes of streams while it is away */
  readonly absent: AbsencePolicy;
  /** how it is shown in pictures of another shape that are made of its own */
  readonly fit: Fit;
}

/** A named source of a configuration that shows one of several others, as the host chooses. */
export interface ChoiceSource {
  readonly kind: 'choice';
  readonly settings: z.output<typeof choice>;
}

/** A named source of a configuration. */
export type SourceConfig = AdaptedSource | ChoiceSource;

/** Sources of one choice. */
const MAX_CHOICES = 16;

const choice = z.strictObject({
  choice: z.array(name).min(1, 'must name at least one source').max(MAX_CHOICES),
  chosen: z.string().min(1).optional(),
  card: z.string().min(1).optional(),
  size: size.optional(),
  fps: fps.optional(),
});

const fitting = z.enum(FITS).optional();

/** What streams do while the source is away: as it is written, or as the adapter has it. */
function absenceOf({ absent = 'error' }: SourceAdapter, written: unknown, context: z.RefinementCtx): AbsencePolicy {
  if (written === undefined) return absent === 'never' ? 'error' : absent;
  const issue = (message: string): void => context.addIssue({ code: 'custom', path: ['absent'], input: written, message });
  const result = z.enum(ABSENCE_POLICIES).safeParse(written);
  if (!result.success) issue(`must be one of ${ABSENCE_POLICIES.join(', ')}`);
  else if (absent === 'never') issue('has no effect for a source that is always there: leave it out');
  return result.data ?? 'error';
}

/**
 * A source as it is written, with the kind of its adapter as a field. The first adapter is meant where no kind is named, and says
 * what is wrong where none is known.
 */
function sourceOf(adapters: readonly SourceAdapter[]) {
  return z.record(z.string(), z.unknown()).transform((all, context): SourceConfig => {
    if ('choice' in all) {
      const result = choice.safeParse(all, { reportInput: true });
      for (const issue of result.error?.issues ?? []) context.addIssue({ ...issue, path: [...issue.path] });
      return { kind: 'choice', settings: result.data ?? { choice: [] } };
    }
    const { absent, ...others } = all;
    const adapter = adapters.find(({ kind }) => kind in others) ?? adapters[0];
    if (adapter === undefined) {
      context.addIssue({ code: 'custom', message: 'is of no kind: there are no adapters of sources' });
      return z.NEVER;
    }
    const { fit: writtenFit, ...withoutFit } = others;
    const written = adapter.fits === true ? others : withoutFit;
    const fit = fitting.safeParse(adapter.fits === true ? undefined : writtenFit);
    if (!fit.success) {
      const message = `must be one of ${FITS.join(', ')}`;
      context.addIssue({ code: 'custom', path: ['fit'], input: writtenFit, message });
    }
    const form: z.ZodType = adapter.settings ?? z.strictObject({ [adapter.kind]: z.null().optional() });
    const result = form.safeParse(written, { reportInput: true });
    for (const issue of result.error?.issues ?? []) context.addIssue({ ...issue, path: [...issue.path] });
    return {
      kind: 'adapted',
      adapter,
      settings: result.data,
      absent: absenceOf(adapter, absent, context),
      fit: fit.data ?? 'contain',
    };
  });
}

/** A sink of an output of a configuration. */
export interface SinkConfig {
  readonly adapter: SinkAdapter;
  /** checked by the adapter's schema */
  readonly settings: unknown;
}

/** A sink as it is written, with the kind of its adapter as a field. */
function sinkOf(adapters: readonly SinkAdapter[]) {
  return z.record(z.string(), z.unknown()).transform((written, context): SinkConfig => {
    const adapter = adapters.find(({ kind }) => kind in written);
    if (adapter === undefined) {
      const known = adapters.map(({ kind }) => kind).join(', ');
      context.addIssue({ code: 'custom', message: `is of no kind that is known here: one of ${known}` });
      return z.NEVER;
    }
    const result = adapter.settings.safeParse(written, { reportInput: true });
    for (const issue of result.error?.issues ?? []) context.addIssue({ ...issue, path: [...issue.path] });
    return { adapter, settings: result.data };
  });
}

/** Sinks of one output. */
const MOST_SINKS = 8;

/** Sides of a picture that can be played are even: half of them is the chroma's. */
const playedSize = size.refine(
  ({ width, height }) => width % 2 === 0 && height % 2 === 0 && width <= MAX_PLAYED.width && height <= MAX_PLAYED.height,
  `must be even and at most ${MAX_PLAYED.width}x${MAX_PLAYED.height}`,
);

/** Codecs that a decoder device may be told to offer. */
export const CODECS = ['h264', 'hevc', 'vp8', 'vp9', 'av1', 'mpeg2', 'mjpeg'] as const;

/** Which virtual machine is at the sockets: one name, or one for each socket. */
const vm = z
  .union([name, z.array(name).min(1)])
  .transform((value) => (typeof value === 'string' ? [value] : value))
  .optional();

/** What guests of a camera may choose from. */
const sizes = z.union([
  z.enum(['list', 'ranges'], { error: 'must be list, ranges, or a list of sizes such as [640x480, 1280x720]' }),
  z.array(size).min(1),
]);

/** What every device has. */
const device = { name, card: z.string().min(1).optional(), socket: sockets, vm, transport, memory };

/** A source that a camera has as one of several inputs. The name fits into `v4l2_input` and its zero byte. */
const input = z.strictObject({
  name: z
    .string()
    .min(1)
    .refine((text) => Buffer.byteLength(text) < 32, 'is longer than the 31 bytes that guests can be told'),
  source: z.string(),
});

/** Inputs of a camera. */
const MAX_INPUTS = 16;

const camera = z.strictObject({
  kind: z.literal('camera'),
  ...device,
  source: z.string().optional(),
  inputs: z.array(input).min(1).max(MAX_INPUTS).optional(),
  size: size.optional(),
  fps: fps.optional(),
  sizes: sizes.default('list'),
  rates: z.array(fps).min(1).optional(),
  controls: z.enum(CONTROL_POLICIES).optional(),
  set: z.record(z.string(), z.union([z.int(), z.boolean()])).optional(),
  'jpeg-quality': z.int().min(1).max(100).optional(),
  delivery: z.enum(['latest', 'every']).default('latest'),
  planes: z.enum(['single', 'multi']).default('single'),
});

const output = (adapters: readonly SinkAdapter[]) =>
  z.strictObject({
    kind: z.literal('output'),
    ...device,
    size: playedSize.default({ width: 1280, height: 720 }),
    fps: fps.default(30),
    planes: z.enum(['single', 'multi']).default('single'),
    sinks: z.array(sinkOf(adapters)).max(MOST_SINKS).default([]),
  });

const decoder = z.strictObject({
  kind: z.literal('decoder'),
  ...device,
  codecs: z
    .array(z.enum(CODECS))
    .min(1)
    .default([...CODECS]),
  threads: z.int().min(1).max(64).optional(),
});

const proxy = z.strictObject({
  kind: z.literal('proxy'),
  ...device,
  device: z.string().min(1),
});

/** The source that is there without being declared. */
const PATTERN = 'pattern';

/** What a camera shows: several inputs with names, or one source. */
export function cameraInputs({
  source,
  inputs,
}: Pick<z.output<typeof camera>, 'source' | 'inputs'>): readonly { readonly name?: string; readonly source: string }[] {
  return inputs ?? [{ source: source ?? PATTERN }];
}

/** Why a choice cannot have this member. */
function wrongMember(member: string, before: boolean, sources: Readonly<Record<string, SourceConfig>>): string | undefined {
  if (before) return `is named twice: ${member}`;
  if (sources[member]?.kind === 'choice') return `is a choice itself: ${member}`;
  if (member === PATTERN || member in sources) return undefined;
  const known = [PATTERN, ...Object.keys(sources).filter((each) => sources[each]?.kind !== 'choice')].join(', ');
  return `names no source: ${member} (there are: ${known})`;
}

/** The schema of a configuration whose sources are of these kinds. */
export const configSchema = (adapters: readonly SourceAdapter[]) =>
  z
    .strictObject({
      log: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('warn'),
      workers: z.int().min(1).max(64).default(1),
      arena: bytes
        .refine(
          (value) => value % ARENA_ALIGN === 0 && value <= MAX_ARENA_BYTES,
          `must be a multiple of 64KiB, at most ${formatSize(MAX_ARENA_BYTES)}`,
        )
        .default(DEFAULT_ARENA_BYTES),
      'vfio-arena': bytes
        .refine(
          (value) => Number.isInteger(Math.log2(value)) && value >= ARENA_ALIGN && value <= MAX_ARENA_BYTES,
          `must be a power of two from 64KiB to ${formatSize(MAX_ARENA_BYTES)}`,
        )
        .default(DEFAULT_VFIO_ARENA_BYTES),
      'guest-buffers': bytes.default(2 * 2 ** 30),
      'all-buffers': bytes.default(32 * 2 ** 30),
      'guest-addresses': bytes.default(MAX_GUEST_BYTES),
      'all-addresses': bytes.default(MAX_ALL_GUEST_BYTES),
      'vfio-shared-memory': z.boolean().default(true),
      'old-shmem-bit': z.boolean().default(false),
      sources: z.record(name, sourceOf(adapters)).default({}),
      devices: z.array(z.discriminatedUnion('kind', [camera, decoder, output(SINK_ADAPTERS), proxy])).min(1),
    })
    .superRefine((config, ctx) => {
      const names = new Set<string>();
      const paths = new Set<string>();
      const once = new Set<SourceAdapter>();
      const adapted = Object.entries(config.sources).flatMap(([source, each]) =>
        each.kind === 'adapted' ? [{ ...each, source }] : [],
      );
      for (const { source, adapter } of adapted) {
        if (adapter.once === true && once.has(adapter)) {
          const message = `is a second source of ${adapter.kind}, of which there is one: let the cameras share it`;
          ctx.addIssue({ code: 'custom', path: ['sources', source], message });
        }
        once.add(adapter);
      }
      const outputs = config.devices.flatMap((device) => (device.kind === 'output' ? [device.name] : []));
      for (const { source, adapter, settings } of adapted) {
        if (adapter.kind !== playedAdapter.kind) continue;
        const { output: played = '' } = (settings ?? {}) as { readonly output?: string };
        if (outputs.includes(played)) continue;
        const message = `names no output: ${played} (there are: ${outputs.join(', ') || 'none'})`;
        ctx.addIssue({ code: 'custom', path: ['sources', source, 'output'], message });
      }
      for (const [source, { kind, settings }] of Object.entries(config.sources)) {
        if (kind !== 'choice') continue;
        const { choice: members } = settings;
        for (const [at, member] of members.entries()) {
          const wrong = wrongMember(member, members.indexOf(member) < at, config.sources);
          if (wrong !== undefined) ctx.addIssue({ code: 'custom', path: ['sources', source, 'choice', at], message: wrong });
        }
      }
      config.devices.forEach((device, i) => {
        const issue = (field: string, message: string) => ctx.addIssue({ code: 'custom', path: ['devices', i, field], message });
        if (names.has(device.name)) issue('name', `is used twice: ${device.name}`);
        names.add(device.name);
        for (const path of device.socket) {
          if (paths.has(resolve(path))) issue('socket', `is used twice: ${path}`);
          paths.add(resolve(path));
        }
        if (device.vm !== undefined && device.vm.length !== 1 && device.vm.length !== device.socket.length) {
          issue('vm', `has ${device.vm.length} names for ${device.socket.length} sockets: give one, or one for each`);
        }
        if (device.kind === 'camera' && device.rates !== undefined && device.sizes === 'ranges') {
          issue('rates', 'has no effect with sizes: ranges: leave one of them out');
        }
        if (device.kind === 'camera' && device.set !== undefined && device.controls !== 'fixed') {
          issue('set', 'has no effect without controls: fixed: add it, or leave this out');
        }
        if (device.kind !== 'camera') return;
        if (device.inputs !== undefined && device.source !== undefined) {
          issue('source', 'has no effect beside inputs: leave one of them out');
        }
        if (device.inputs !== undefined && device.set !== undefined) {
          issue('set', 'has no effect with inputs, each of which has the controls of its source: leave this out');
        }
        const inputs = new Set<string>();
        for (const [at, { name: given, source }] of cameraInputs(device).entries()) {
          const path = ['devices', i, ...(device.inputs === undefined ? ['source'] : ['inputs', at])];
          if (given !== undefined && inputs.has(given)) {
            ctx.addIssue({ code: 'custom', path: [...path, 'name'], message: `is used twice: ${given}` });
          }
          inputs.add(given ?? '');
          if (source === PATTERN || source in config.sources) continue;
          const known = [PATTERN, ...Object.keys(config.sources)].join(', ');
          const message = `names no source: ${source} (there are: ${known})`;
          ctx.addIssue({ code: 'custom', path: device.inputs === undefined ? path : [...path, 'source'], message });
        }
      });
    });

/** A checked configuration. */
export type DaemonConfig = z.output<ReturnType<typeof configSchema>>;
/** A configuration as written, before defaults. */
export type ConfigInput = z.input<ReturnType<typeof configSchema>>;
/** One device of a configuration. */
export type DeviceConfig = DaemonConfig['devices'][number];
/** A camera of a configuration. */
export type CameraConfig = Extract<DeviceConfig, { kind: 'camera' }>;
/** An output of a configuration. */
export type OutputConfig = Extract<DeviceConfig, { kind: 'output' }>;
/** A decoder of a configuration. */
export type DecoderConfig = Extract<DeviceConfig, { kind: 'decoder' }>;
/** A V4L2 node of a configuration that is handed through. */
export type ProxyConfig = Extract<DeviceConfig, { kind: 'proxy' }>;
