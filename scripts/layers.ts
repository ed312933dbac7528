// SPDX-License-Identifier: Apache-2.0
/**
 * What may import what, and the check of it. A layer is a folder below `packages/<name>/src`, or one inside it that the table
 * names. Files at the top of a package's `src` see every layer of it. Tests may import any layer, but not a forbidden package, and take part in no cycle.
 */
import ts from 'typescript';
import { cycles } from './cycles.ts';

/** Layers of one package, and the packages that only some of them may import. */
export interface PackageRules {
  /** layer -> layers that it may import besides itself */
  readonly layers: Readonly<Record<string, readonly string[]>>;
  /** packages that any file may import */
  readonly packages: readonly string[];
  /** package, or a sub-path of one -> the only layers that may import it; none for what only tests may */
  readonly only: Readonly<Record<string, readonly string[]>>;
  /** layer -> layers that none of its files, its tests among them, may reach by imports, however long the way is */
  readonly apart: Readonly<Record<string, readonly string[]>>;
  /** whether `node:` modules are allowed */
  readonly node: boolean;
}

const CORE_LAYERS = {
  base: [],
  picture: ['base'],
  wire: ['base', 'picture'],
  ports: ['base', 'picture', 'wire'],
  memory: ['base', 'wire', 'ports'],
  virtqueue: ['base', 'wire', 'memory', 'ports'],
  v4l2: ['base', 'picture', 'wire', 'ports'],
  source: ['base', 'picture', 'wire', 'ports'],
  stream: ['base', 'picture', 'ports'],
  device: ['base', 'picture', 'stream', 'v4l2', 'wire', 'ports'],
  'virtio-device': ['base', 'virtqueue', 'memory', 'wire', 'ports'],
  'virtio-media': ['base', 'device', 'v4l2', 'virtio-device', 'virtqueue', 'memory', 'wire', 'ports'],
  'virtio-video': ['base', 'picture', 'wire'],
  'virtio-device/pci': ['base', 'virtio-device', 'virtqueue', 'memory', 'wire'],
  driver: ['base', 'picture', 'virtio-device', 'virtqueue', 'memory', 'wire', 'ports'],
  conformance: ['base', 'picture', 'driver', 'virtio-device', 'virtqueue', 'memory', 'wire', 'ports', 'v4l2'],
  testing: [
    'base',
    'conformance',
    'driver',
    'virtio-media',
    'virtio-device',
    'virtio-device/pci',
    'device',
    'source',
    'stream',
    'v4l2',
    'virtqueue',
    'memory',
    'picture',
    'wire',
    'ports',
  ],
} as const;

const HOST_LAYERS = {
  sys: [],
  av: [],
  clock: [],
  log: [],
  'isolation/child': ['sys', 'log'],
  'isolation/worker': ['log', 'isolation/child'],
  memory: ['sys'],
  'memory/copy': ['sys', 'memory', 'isolation/worker'],
  'transport/common': ['sys', 'log', 'memory', 'isolation/worker'],
  'transport/vhost-user': ['sys', 'log', 'memory', 'transport/common'],
  'transport/vfio-user': ['sys', 'log', 'memory', 'transport/common'],
  frontend: ['sys', 'memory', 'transport/common', 'transport/vhost-user', 'transport/vfio-user'],
  v4l2: ['sys'],
  'v4l2-proxy': ['v4l2', 'sys', 'log', 'isolation/worker'],
  sources: [
    'v4l2',
    'sys',
    'log',
    'memory',
    'memory/copy',
    'av',
    'clock',
    'isolation/worker',
    'isolation/child',
    'sources/raw-frames',
  ],
  'sources/raw-frames': ['sys', 'log', 'clock', 'sources', 'isolation/child', 'transport/common'],
  sinks: [
    'sys',
    'log',
    'clock',
    'memory',
    'memory/copy',
    'av',
    'v4l2',
    'isolation/worker',
    'isolation/child',
    'sources',
    'sources/raw-frames',
  ],
  codec: ['sys', 'log', 'memory', 'memory/copy', 'av', 'isolation/child'],
  daemon: [
    'sys',
    'isolation/child',
    'memory',
    'memory/copy',
    'clock',
    'transport/common',
    'transport/vhost-user',
    'transport/vfio-user',
    'sources',
    'sinks',
    'v4l2-proxy',
    'codec',
    'av',
  ],
  'cli/vmm': [],
  'cli/demo': ['sys', 'frontend', 'av', 'daemon'],
  'cli/bench': ['sys', 'frontend', 'av', 'daemon', 'cli/demo'],
  cli: ['sys', 'isolation/child', 'transport/common', 'frontend', 'clock', 'av', 'daemon', 'cli/demo', 'cli/bench', 'cli/vmm'],
} as const;

/** The rules of every package; the table of docs/ARCHITECTURE.md. */
export const RULES: Readonly<Record<string, PackageRules>> = {
  core: {
    layers: CORE_LAYERS,
    packages: [],
    only: {},
    // Every protocol's streams are tested without the devices of one of them.
    apart: { stream: ['v4l2', 'device'] },
    node: false,
  },
  host: {
    layers: HOST_LAYERS,
    packages: ['@paravideo/core'],
    only: {
      '@paravideo/core/conformance': ['cli'],
      '@paravideo/core/testing': [],
      koffi: ['sys'],
      'node-av': ['av'],
      yaml: ['daemon'],
      zod: ['daemon', 'sources', 'sources/raw-frames', 'sinks'],
      pino: ['daemon'],
      commander: ['cli'],
      'cli-progress': ['cli/demo', 'cli'],
      pngjs: ['cli/demo'],
    },
    apart: {},
    node: true,
  },
};

/** Packages that tests may import besides those of the rules. */
const TEST_PACKAGES = ['vitest', 'fast-check', 'pngjs', 'yaml'];

/** One file, by its path from the top of the repository. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Everything wrong with the imports of the files, one line each. */
export function checkLayers(files: readonly SourceFile[], rules: Readonly<Record<string, PackageRules>> = RULES): string[] {
  const findings: string[] = [];
  const graph = new Map<string, string[]>();
  const all = new Map<string, string[]>();
  for (const file of files) {
    const place = placeOf(file.path, rules);
    const rule = place && rules[place.package];
    if (!place || !rule) continue;
    const edges: string[] = [];
    for (const name of importsOf(file.text)) {
      if (name.startsWith('.')) {
        const target = resolvePath(file.path, name);
        edges.push(target);
        const problem = checkRelative(place, placeOf(target, rules), rule);
        if (problem) findings.push(`${file.path}: imports ${name}: ${problem}`);
      } else {
        const problem = checkPackage(place, name, rule);
        if (problem) findings.push(`${file.path}: imports ${name}: ${problem}`);
      }
    }
    if (!place.test) graph.set(file.path, edges);
    all.set(file.path, edges);
  }
  return [...findings, ...reaches(all, rules), ...cycles(graph).map((way) => `import cycle: ${way.join(' -> ')}`)];
}

/** For each file that reaches a layer from which its own is kept apart, the shortest way there. */
function reaches(graph: ReadonlyMap<string, readonly string[]>, rules: Readonly<Record<string, PackageRules>>): string[] {
  const found: string[] = [];
  for (const start of graph.keys()) {
    const place = placeOf(start, rules);
    const apart = rules[place?.package ?? '']?.apart[place?.layer ?? ''];
    const end = apart && firstReached(graph, start, (path) => apart.includes(placeOf(path, rules)?.layer ?? ''));
    // What a file imports itself is found in the table, unless it is a test.
    if (end && (place?.test || end.length > 2))
      found.push(`${place?.layer} is kept apart from ${placeOf(end.at(-1) ?? '', rules)?.layer}: ${end.join(' -> ')}`);
  }
  return found;
}

/** The shortest way over imports from a file to one that is looked for. */
function firstReached(
  graph: ReadonlyMap<string, readonly string[]>,
  start: string,
  wanted: (path: string) => boolean,
): string[] | undefined {
  const cameFrom = new Map<string, string | undefined>([[start, undefined]]);
  for (const node of cameFrom.keys()) {
    if (wanted(node)) {
      const way: string[] = [];
      for (let at: string | undefined = node; at !== undefined; at = cameFrom.get(at)) way.unshift(at);
      return way;
    }
    for (const next of graph.get(node) ?? []) if (!cameFrom.has(next)) cameFrom.set(next, node);
  }
  return undefined;
}

interface Place {
  readonly package: string;
  /** undefined at the top of src */
  readonly layer: string | undefined;
  readonly test: boolean;
}

function placeOf(path: string, rules: Readonly<Record<string, PackageRules>>): Place | undefined {
  const [, name, folder] = /^packages\/([^/]+)\/(?:src|test)\/(?:(.+)\/)?/.exec(path) ?? [];
  if (name === undefined) return undefined;
  const test = /\.test\.ts$/.test(path) || path.includes(`/${name}/test/`);
  return { package: name, layer: folder === undefined ? undefined : layerOf(folder, rules[name]), test };
}

/** The innermost folder that the table names, or else the outermost. */
function layerOf(folder: string, rule: PackageRules | undefined): string {
  const parts = folder.split('/');
  for (let length = parts.length; length > 0; length--) {
    const layer = parts.slice(0, length).join('/');
    if (length === 1 || rule?.layers[layer] !== undefined) return layer;
  }
  return folder;
}

/** Static and dynamic imports and re-exports, type-only ones included. */
function importsOf(text: string): string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map((file) => file.fileName);
}

function resolvePath(from: string, name: string): string {
  return new URL(name, `file:///${from}`).pathname.slice(1);
}

function checkRelative(place: Place, target: Place | undefined, rule: PackageRules): string | undefined {
  if (!target) return place.test ? undefined : 'it is outside the packages';
  if (target.package !== place.package) return `it reaches into packages/${target.package}: import the package by its name`;
  if (place.test) return undefined;
  if (target.test) return 'it is a test';
  if (place.layer === undefined || target.layer === place.layer) return undefined;
  const allowed = rule.layers[place.layer];
  if (!allowed) return `the layer ${place.layer} is not in the table of scripts/layers.ts`;
  if (target.layer === undefined) return `${place.layer} may not import the top of the package`;
  if (allowed.includes(target.layer)) return undefined;
  return `${place.layer} may import ${allowed.join(', ') || 'no other layer'}, not ${target.layer}`;
}

function checkPackage(place: Place, name: string, rule: PackageRules): string | undefined {
  const scoped = name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');
  if (name.startsWith('node:'))
    return rule.node || place.test ? undefined : `packages/${place.package} runs where there is no Node`;
  const part = rule.only[name];
  if (part !== undefined && !place.test && !(place.layer !== undefined && part.includes(place.layer)))
    return `only ${part.join(', ') || 'tests'} may import ${name}`;
  if (rule.packages.includes(scoped) || (place.test && TEST_PACKAGES.includes(scoped))) return undefined;
  const only = rule.only[scoped];
  if (!only) return `packages/${place.package} may not import this package`;
  if (place.layer !== undefined && only.includes(place.layer)) return undefined;
  return `only ${only.join(', ')} may import ${scoped}`;
}
