// SPDX-License-Identifier: Apache-2.0
import { dirname, resolve } from 'node:path';
import { SINK_ADAPTERS } from '../sinks/index.ts';
import type { SourceAdapter } from '../sources/index.ts';
import type { ConfigInput } from './config.ts';

/** The same configuration with the paths in it, which are relative to its file's folder, made absolute. */
export function anchorPaths(config: ConfigInput, file: string, adapters: readonly SourceAdapter[]): ConfigInput {
  const folder = dirname(resolve(file));
  const anchor = (path: string): string => resolve(folder, path);
  const anchored = (source: Readonly<Record<string, unknown>>): Record<string, unknown> => {
    if ('choice' in source) return typeof source.chosen === 'string' ? { ...source, chosen: anchor(source.chosen) } : source;
    const found = adapters.find(({ kind }) => kind in source);
    return found?.anchored === undefined ? source : (found.anchored(source, anchor) as Record<string, unknown>);
  };
  const anchoredSink = (sink: Readonly<Record<string, unknown>>): Record<string, unknown> => {
    const found = SINK_ADAPTERS.find(({ kind }) => kind in sink);
    return found?.anchored === undefined ? sink : (found.anchored(sink, anchor) as Record<string, unknown>);
  };
  return {
    ...config,
    ...(config.sources !== undefined && {
      sources: Object.fromEntries(Object.entries(config.sources).map(([name, source]) => [name, anchored(source)])),
    }),
    devices: config.devices.map((device) => ({
      ...device,
      socket: typeof device.socket === 'string' ? anchor(device.socket) : device.socket.map(anchor),
      ...(device.kind === 'output' && device.sinks !== undefined && { sinks: device.sinks.map(anchoredSink) }),
    })),
  };
}

/** Adds devices and sources, and overrides the rest. Names of the added ones that are taken get another ending. */
export function mergeConfig(base: ConfigInput, added: ConfigInput): ConfigInput {
  const free = (name: string, taken: ReadonlySet<string>): string => {
    let wanted = name;
    for (let n = 2; taken.has(wanted); n++) wanted = `${name}-${n}`;
    return wanted;
  };
  const sourceNames = new Set(Object.keys(base.sources ?? {}));
  const renamed = new Map(Object.keys(added.sources ?? {}).map((name) => [name, free(name, sourceNames)]));
  const deviceNames = new Set(base.devices.map((device) => device.name));
  const renamedMembers = (written: Readonly<Record<string, unknown>>): Record<string, unknown> =>
    Array.isArray(written.choice) ? { ...written, choice: written.choice.map((each) => renamed.get(each) ?? each) } : written;
  const sources = Object.entries(added.sources ?? {}).map(
    ([name, written]) => [renamed.get(name) ?? name, renamedMembers(written)] as const,
  );
  const source = (written: string): string => renamed.get(written) ?? written;
  const devices = added.devices.map((device) => ({
    ...device,
    name: free(device.name, deviceNames),
    ...(device.kind === 'camera' && device.source !== undefined && { source: source(device.source) }),
    ...(device.kind === 'camera' &&
      device.inputs !== undefined && { inputs: device.inputs.map((input) => ({ ...input, source: source(input.source) })) }),
  }));
  return {
    ...base,
    ...added,
    sources: { ...base.sources, ...Object.fromEntries(sources) },
    devices: [...base.devices, ...devices],
  };
}
