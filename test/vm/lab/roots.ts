// SPDX-License-Identifier: Apache-2.0
import { renameSync, rmSync } from 'node:fs';
import type { Apt, AptOptions } from './apt.ts';
import { unpackPackage, unpackTree } from './tree.ts';

/** Packages that are unpacked together into one tree. */
export interface RootRecipe {
  readonly name: string;
  readonly architecture: 'amd64' | 'i386';
  readonly suites: readonly string[];
  readonly packages: readonly string[];
  /** packages of another suite unpacked on top, by themselves */
  readonly onTop?: { readonly suite: string; readonly packages: readonly string[] };
}

/** The compliance tool and what it is linked to; trixie's is too old to judge a driver, and sid's runs on trixie's libraries. */
const V4L_UTILS = {
  suite: 'sid',
  packages: ['v4l-utils', 'libv4l-0t64', 'libv4lconvert0t64', 'libv4l2rds0t64'],
};

const GUEST_BASE = [
  'base-files',
  'bash',
  'busybox-static',
  'coreutils',
  'dash',
  'findutils',
  'grep',
  'kmod',
  'libc-bin',
  'mount',
];
const GUEST_TOOLS = ['pciutils', 'procps', 'psmisc', 'sed', 'util-linux', 'v4l-utils'];
const GUEST_MEDIA = [
  'ffmpeg',
  'gstreamer1.0-plugins-bad',
  'gstreamer1.0-plugins-base',
  'gstreamer1.0-plugins-good',
  'gstreamer1.0-tools',
];

/** A QEMU with the generic vhost-user device and vfio-user. */
export const QEMU_RECIPE: RootRecipe = {
  name: 'qemu',
  architecture: 'amd64',
  suites: ['trixie-backports', 'trixie'],
  packages: ['base-files', 'libc-bin', 'qemu-system-x86', 'seabios'],
};

/** The root of 64-bit guests. */
export const GUEST_RECIPE: RootRecipe = {
  name: 'guest-amd64',
  architecture: 'amd64',
  suites: ['trixie'],
  packages: [...GUEST_BASE, ...GUEST_TOOLS, ...GUEST_MEDIA],
  onTop: V4L_UTILS,
};

/** The root of 32-bit guests, and of 32-bit programs in 64-bit ones. */
export const GUEST32_RECIPE: RootRecipe = {
  ...GUEST_RECIPE,
  name: 'guest-i386',
  architecture: 'i386',
  packages: [...GUEST_BASE, ...GUEST_TOOLS],
};

/** The root of guests that show a camera to a browser. */
export const BROWSER_RECIPE: RootRecipe = {
  ...GUEST_RECIPE,
  name: 'guest-browser',
  packages: [...GUEST_BASE, ...GUEST_TOOLS, 'chromium', 'fonts-dejavu-core'],
};

/** What programs a guest has: a name for people, and its packages. */
export const USERLANDS = { amd64: GUEST_RECIPE, i386: GUEST32_RECIPE, browser: BROWSER_RECIPE } as const;

/** Opens a package manager for an architecture and suites. */
export type OpenApt = (options: Pick<AptOptions, 'architecture' | 'suites'>) => Promise<Apt>;

/** Downloads and unpacks the packages of a recipe into `folder`. */
export async function makeRoot(
  recipe: RootRecipe,
  folder: string,
  open: OpenApt,
  progress: (text: string) => void,
): Promise<void> {
  const { architecture, suites, onTop } = recipe;
  progress('fetching the package lists');
  const apt = await open({ architecture, suites });
  progress('downloading');
  const files = await apt.download(recipe.packages, (line) => {
    const size = /^Need to get (\S+ \S+)/.exec(line)?.[1];
    if (size !== undefined) progress(`downloading ${size}`);
  });
  const more = onTop && (await (await open({ architecture, suites: [onTop.suite] })).downloadOnly(onTop.packages));
  const staged = `${folder}.new`;
  await unpackTree(staged, files, progress);
  for (const path of more ?? []) await unpackPackage(staged, path);
  rmSync(folder, { recursive: true, force: true });
  renameSync(staged, folder);
}
