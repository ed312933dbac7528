// SPDX-License-Identifier: Apache-2.0
/**
 * Makes a file of each program's hundreds of modules: finding and compiling them one by one is most of what a start takes, and
 * what is kept of each of them a third of an idle daemon's memory. Runs after the compiler, on what that wrote to
 * `packages/host/dist`; each program gets the same place in `packages/host/bundle`, so that paths beside it stay right.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { type Plugin, rolldown } from 'rolldown';
import { ROOT } from './source-files.ts';

const HOST = join(ROOT, 'packages/host');
const DIST = join(HOST, 'dist');
const BUNDLE = join(HOST, 'bundle');

/** What runs in a process or a thread of its own. */
const PROGRAMS = [
  'cli/main',
  'codec/process/main',
  'sinks/http/http-worker',
  'sinks/node/node-worker',
  'isolation/child/confined/main',
  'sinks/recorder/process/main',
  'sources/live-stream/process/main',
  'sources/media-file/process/main',
  'sources/pattern/pattern-worker',
  'sources/converter/convert-worker',
  'sources/v4l2-camera/camera-worker',
  'v4l2-proxy/proxy-worker',
  'memory/copy/copy-worker',
  'transport/common/closing-thread',
  'cli/bench/blocking-process',
  'cli/bench/ping-pong-process',
  'cli/bench/streaming-guest-process',
];

/** Packages whose code becomes a part of the files; all others are loaded from where they are installed. */
const INSIDE = ['@paravideo/core', 'commander', 'yaml', 'zod'];

const MODULE_URL = /\bimport\.meta\.url\b/g;
const PLACED_URL = /"module-url:([^"]+)"/g;

/** Keeps `import.meta.url` what it was, in `bundle` instead of `dist`: workers, children and carried files are named from there. */
function moduleUrls(): Plugin {
  return {
    name: 'module-urls',
    transform(code, id) {
      if (!id.startsWith(DIST + sep) || !MODULE_URL.test(code)) return null;
      return code.replace(MODULE_URL, JSON.stringify(`module-url:${relative(DIST, id)}`));
    },
    renderChunk(code, chunk) {
      const folder = dirname(chunk.fileName);
      return code.replace(
        PLACED_URL,
        (_all, path: string) => `new URL(${JSON.stringify(`./${relative(folder, path)}`)}, import.meta.url).href`,
      );
    },
  };
}

/** One program and what it imports when it is needed. Answers the packages whose code is in it. */
async function bundle(program: string, into: string): Promise<Set<string>> {
  const build = await rolldown({
    input: { [program]: join(DIST, `${program}.js`) },
    cwd: HOST,
    platform: 'node',
    external: (id) =>
      !(id.startsWith('.') || id.startsWith('/')) && !INSIDE.some((name) => id === name || id.startsWith(`${name}/`)),
    plugins: [moduleUrls()],
    onLog(level, log) {
      if (level === 'warn') throw new Error(`${program}: ${log.message}`);
    },
  });
  const { output } = await build.write({
    dir: into,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: `${dirname(program)}/[name]-[hash].js`,
    comments: { legal: true, annotation: false, jsdoc: false },
  });
  await build.close();
  const packages = new Set<string>();
  for (const chunk of output) {
    if (chunk.type !== 'chunk') continue;
    for (const id of chunk.moduleIds) {
      const name = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1];
      if (name !== undefined) packages.add(name);
    }
  }
  return packages;
}

// A command that starts meanwhile finds the old ones or none, never a half.
const fresh = `${BUNDLE}.new`;
rmSync(fresh, { recursive: true, force: true });
mkdirSync(fresh, { recursive: true });
const packages = new Set<string>();
for (const program of PROGRAMS) for (const name of await bundle(program, fresh)) packages.add(name);
const licences = [...packages].sort().map((name) => {
  const text = readFileSync(join(ROOT, 'node_modules', name, 'LICENSE'), 'utf8');
  return `The package ${name} is a part of these files, under this licence:\n\n${text}`;
});
writeFileSync(join(fresh, 'LICENCES.txt'), licences.join('\n'));
rmSync(BUNDLE, { recursive: true, force: true });
renameSync(fresh, BUNDLE);
